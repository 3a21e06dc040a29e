// npm runs a command through a shell. A signal to npm ends npm and that shell, but often not the command; and
// kill -9 of a launcher tells what it launched nothing at all.
import { clearInterval, setInterval } from 'node:timers';

import { isLaunched } from './clone.mjs';

const pollMs = 250;

/** When npm or a launcher started this process and goes away, whatever way, this process gets SIGTERM. */
export function endWithParent() {
  if (process.env.npm_command === undefined && !isLaunched()) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, pollMs);
  timer.unref();
}
