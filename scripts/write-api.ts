// Writes docs/api: what clients can ask, as OpenAPI and AsyncAPI documents, from the schemas that check it. Run
// `npm run api` after changing src/protocol; a test fails when they have drifted.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { asyncApiDocument } from '../src/protocol/asyncapi-document.ts';
import { openApiDocument } from '../src/protocol/openapi-document.ts';

const folder = join(import.meta.dirname, '../docs/api');

/** The documents by file name, as they are written. */
export async function apiFiles(): Promise<ReadonlyMap<string, string>> {
  const documents = { 'openapi.json': openApiDocument(), 'asyncapi.json': asyncApiDocument() };
  const files = new Map<string, string>();
  for (const [name, document] of Object.entries(documents)) {
    files.set(name, await format(JSON.stringify(document), { parser: 'json', printWidth: 110 }));
  }
  return files;
}

if (import.meta.main) {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of await apiFiles()) writeFileSync(join(folder, name), text);
}
