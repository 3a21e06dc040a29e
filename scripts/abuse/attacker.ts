// One attack, in a process of its own so that those who behave are not held up by it: `<attack> <url> <ms>`. Prints
// what it has seen as JSON.
import { attacks, Target } from './attacks.ts';

const [name = '', httpUrl = '', forMs = ''] = process.argv.slice(2);
const attack = attacks[name];
if (attack === undefined) throw new Error(`no attack ${name}`);
const target = new Target(httpUrl, Number(forMs));
const [startedMs, startedCpu] = [performance.now(), process.cpuUsage()];
let problem: string | undefined;
try {
  await attack.run(target);
} catch (error) {
  problem = String(error);
}
const { user, system } = process.cpuUsage(startedCpu);
const cores = (user + system) / 1_000 / (performance.now() - startedMs);
process.stdout.write(JSON.stringify({ seen: target.seen, problem, cores }), () => process.exit(0));
