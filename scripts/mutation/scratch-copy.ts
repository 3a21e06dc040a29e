import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mutant } from './mutant.ts';

const root = join(import.meta.dirname, '../..');

/** A mutant does not fit the sources any more. */
export class MutantError extends Error {}

/** A copy of the sources to plant bugs in. */
export class ScratchCopy {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param parts files and folders of the project, by their paths in it */
  static async make(parts: readonly string[]): Promise<ScratchCopy> {
    const folder = await mkdtemp(join(tmpdir(), 'mailring-mutants-'));
    for (const part of parts) await cp(join(root, part), join(folder, part), { recursive: true });
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    return new ScratchCopy(folder);
  }

  /** @returns how to take it out again @throws MutantError where a text to replace is not there exactly once */
  async plant({ name, edits }: Mutant): Promise<() => Promise<void>> {
    const originals = new Map<string, string>();
    const texts = new Map<string, string>();
    for (const { file, find, replace } of edits) {
      const original = originals.get(file) ?? (await readFile(join(this.#folder, file), 'utf8'));
      originals.set(file, original);
      const parts = (texts.get(file) ?? original).split(find);
      if (parts.length !== 2) {
        throw new MutantError(`"${name}" no longer applies: ${file} has ${parts.length - 1} times: ${find}`);
      }
      texts.set(file, parts.join(replace));
    }
    for (const [file, text] of texts) await writeFile(join(this.#folder, file), text);
    return async () => {
      for (const [file, text] of originals) await writeFile(join(this.#folder, file), text);
    };
  }

  /** Runs a script of the copy to its end. @returns the lines that it printed */
  run(script: string, args: readonly string[]): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(this.#folder, script), ...args], { cwd: this.#folder });
      const chunks: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
      child.on('error', reject);
      child.on('close', () => resolve(Buffer.concat(chunks).toString().trim().split('\n')));
    });
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
