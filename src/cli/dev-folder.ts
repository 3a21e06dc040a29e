import { mkdir } from 'node:fs/promises';
import { processLock } from '../std/process-lock.ts';

/**
 * Keeps the folder to this process until it ends, however it ends; false where another one has it. Two clusters in one
 * folder have nodes of the same names, which would end each other in turns. On other systems than Linux nobody is refused.
 */
export async function claimDevFolder(folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  if (process.platform !== 'linux') return true;
  try {
    await processLock(folder, 'cluster of npm start');
    return true;
  } catch (error) {
    // Where there is no such lock, nothing is known, and nobody is refused.
    return !(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE');
  }
}
