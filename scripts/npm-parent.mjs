// npm runs a command through a shell. A signal to npm ends npm and that shell, but often not the command.
import { clearInterval, setInterval } from 'node:timers';

const pollMs = 250;

/** When npm started this process and goes away, whatever way, this process gets the SIGTERM that was meant for it. */
export function endWithNpm() {
  if (process.env.npm_command === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, pollMs);
  timer.unref();
}
