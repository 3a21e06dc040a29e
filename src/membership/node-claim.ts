import { mkdir, open, readFile, readlink, rename } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { processLock } from '../std/process-lock.ts';

export interface NodeClaimParts {
  /** Kept over restarts of the process; made where it is missing. */
  readonly folder: string;
  readonly nodeId: string;
  /** Of this start. */
  readonly incarnation: string;
}

export interface NodeClaim {
  /** Earlier incarnations of this node whose processes have ended, for certain. */
  readonly ended: readonly string[];
  /** Why nothing is known, where that is so: another process of this node lives, or this machine has no such lock. */
  readonly obstacle: unknown;
  /** Only once this start serves nothing any more; a process lets go by ending, too. */
  release(): Promise<void>;
}

/** Starts that got no further than this claim are in between. */
const incarnationsMax = 16;

interface Claims {
  /** The lock is worth something only among processes that see the same one. */
  readonly place: string;
  /** Each held the lock for as long as its process lived. */
  readonly incarnations: readonly string[];
}

/**
 * Makes a restart on the same machine fast: which earlier processes of this node are dead? Each takes a lock that
 * the kernel gives back when its process has ended and not before (a socket in Linux's abstract name space), and
 * writes down that it held it. Who has the lock knows that all who wrote so before, in the same network
 * name space since the same boot, are dead. Everywhere else nothing is known, and leases are waited for.
 */
export async function claimNode(parts: NodeClaimParts): Promise<NodeClaim> {
  const { folder, nodeId, incarnation } = parts;
  let lock: Server | undefined;
  try {
    await mkdir(folder, { recursive: true });
    const place = await thisPlace();
    lock = await processLock(folder, nodeId);
    const path = join(folder, `claims-${nodeId}.json`);
    const before = await readClaims(path);
    const ended = before?.place === place ? before.incarnations : [];
    await writeClaims(path, { place, incarnations: [...ended, incarnation].slice(-incarnationsMax) });
    return { ended, obstacle: undefined, release: () => closed(lock) };
  } catch (obstacle) {
    return { ended: [], obstacle, release: () => closed(lock) };
  }
}

async function thisPlace(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return `${boot.trim()} ${await readlink('/proc/self/ns/net')}`;
}

async function readClaims(path: string): Promise<Claims | undefined> {
  const text = await readFile(path, 'utf8').catch(ifMissing);
  return text === undefined ? undefined : asClaims(parsed(text));
}

/** What is no JSON says nothing, and is written anew. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function ifMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

function asClaims(value: unknown): Claims | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('place' in value) || !('incarnations' in value)) return undefined;
  const { place, incarnations } = value;
  if (typeof place !== 'string' || !Array.isArray(incarnations)) return undefined;
  return { place, incarnations: incarnations.filter((one) => typeof one === 'string') };
}

/** All or nothing. */
async function writeClaims(path: string, claims: Claims): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(claims));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

function closed(server: Server | undefined): Promise<void> {
  if (server === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
