// Makes the secrets that docker-compose.yml names, in .secrets/; those that are there stay. `npm run compose:secrets`.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const hex = (): string => randomBytes(32).toString('hex');

const makers: ReadonlyMap<string, () => string> = new Map([
  ['cluster-secret', hex],
  ['operator-token', hex],
  ['grafana-password', hex],
  ['signing-key', () => JSON.stringify({ kty: 'oct', k: randomBytes(32).toString('base64url') })],
]);

/** File names in .secrets/. */
export const secretNames: readonly string[] = [...makers.keys()];

/** Writes what is missing; returns the names of what was written. */
export function writeSecrets(folder: string): string[] {
  // The folder keeps others out; the files themselves are read by the containers' own users.
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return secretNames.filter((name) => {
    try {
      writeFileSync(join(folder, name), makers.get(name)?.() ?? '', { mode: 0o644, flag: 'wx' });
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
      throw error;
    }
  });
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, '../.secrets');
  const written = writeSecrets(folder);
  console.log(written.length === 0 ? 'all secrets are there' : `written to .secrets/: ${written.join(', ')}`);
}
