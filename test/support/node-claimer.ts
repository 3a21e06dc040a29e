import { claimNode } from '../../src/membership/node-claim.ts';

/* Claims node n1 and lives until it is killed: node node-claimer.ts <folder> <incarnation> */
const [folder = '', incarnation = ''] = process.argv.slice(2);
const { obstacle } = await claimNode({ folder, nodeId: 'n1', incarnation });
if (obstacle !== undefined) throw new Error('no claim', { cause: obstacle });
process.stdout.write('claimed\n');
setInterval(() => undefined, 60_000);
