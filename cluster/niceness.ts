import { existsSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Gives a process that leads a session of its own less of the cores than others have: from 0, as all, to 19, what they
 * leave over. Linux shares the cores among sessions before it looks at the processes in them (where autogroups are on), so
 * niceness alone says nothing across sessions. Throws where this user may not.
 */
export function setNiceness(pid: number, niceness: number): void {
  setPriority(pid, niceness);
  const sessionWeight = `/proc/${pid}/autogroup`;
  if (existsSync(sessionWeight)) writeFileSync(sessionWeight, String(niceness));
}
