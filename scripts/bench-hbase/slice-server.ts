import { createInterface } from 'node:readline';

import { measureSlice, parseSlice } from './slice.ts';
import type { Operations } from './slice.ts';

/**
 * The life of a client's process: says `ready`, measures one slice for each line on stdin, answers each with one line of
 * JSON on stdout (figures, or `{ error }`), resolves when stdin ends.
 */
export async function serveSlices(operations: Operations): Promise<void> {
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answerTo(line, operations)));
  }
}

async function answerTo(line: string, operations: Operations): Promise<object> {
  try {
    const slice = parseSlice(line);
    return await measureSlice(operations[slice.operation], slice);
  } catch (error) {
    return { error: error instanceof Error ? error.message : JSON.stringify(error) };
  }
}
