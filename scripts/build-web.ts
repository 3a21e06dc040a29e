// Bundles the web client into dist/web, unless what is there is newer than all it is made of.
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const sourceDirs = ['src/web', 'src/client', 'src/protocol', 'src/std'];
const webDir = join(root, 'src/web');
const outDir = join(root, 'dist/web');
const indexFile = join(outDir, 'index.html');

/** Browsers that know `light-dark()`, which the style sheet is made of. */
const targets = ['chrome123', 'firefox120', 'safari17.5'];

/**
 * Builds dist/web: index.html, and script and style sheet with a hash of their contents in the name, so that
 * they can be cached for ever. Returns whether there was anything to do. Rejects where the sources do not build.
 */
export async function buildWeb(): Promise<boolean> {
  if (!(await isStale())) return false;
  await rm(outDir, { recursive: true, force: true });
  await mkdir(outDir, { recursive: true });
  const script = await bundle('main.tsx', 'js');
  const style = await bundle('app.css', 'css');
  await writeFile(join(outDir, 'favicon.svg'), await readFile(join(webDir, 'favicon.svg')));
  const page = await readFile(join(webDir, 'index.html'), 'utf8');
  // Last: its presence and time say that the rest is there.
  await writeFile(indexFile, page.replace('%APP_JS%', script).replace('%APP_CSS%', style));
  return true;
}

/** Writes one bundle and returns its file name. */
async function bundle(entry: string, extension: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(webDir, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: targets,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`${entry} gave no output`);
  const hash = createHash('sha256').update(output.contents).digest('hex').slice(0, 12);
  const name = `app-${hash}.${extension}`;
  await writeFile(join(outDir, name), output.contents);
  return name;
}

async function isStale(): Promise<boolean> {
  const builtAtMs = await modifiedAtMs(indexFile);
  const files = ['package-lock.json', 'scripts/build-web.ts'];
  for (const dir of sourceDirs) {
    const names = await readdir(join(root, dir), { recursive: true });
    files.push(...names.map((name) => join(dir, name)));
  }
  const times = await Promise.all(files.map((file) => modifiedAtMs(join(root, file))));
  return Math.max(...times) > builtAtMs;
}

/** Epoch ms, 0 where the file does not exist. */
async function modifiedAtMs(file: string): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}

if (import.meta.main && (await buildWeb())) console.error('built dist/web');
