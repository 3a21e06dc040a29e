#!/usr/bin/env node
// The command `mailring`. Plain JavaScript for Node 20 and later, because it decides what runs the rest:
// in an installed package the compiled dist/main.js, in a clone the sources on the clone's own Node.
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { clonePaths, launch, runsTypeScript } from './clone.mjs';
import { endWithParent } from './end-with-parent.mjs';

const compiled = fileURLToPath(new URL('../dist/main.js', import.meta.url));

endWithParent();
if (!existsSync(clonePaths.main)) {
  await import(pathToFileURL(compiled).href);
} else if (runsTypeScript(process.versions.node)) {
  await import(pathToFileURL(clonePaths.main).href);
} else {
  try {
    launch();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
