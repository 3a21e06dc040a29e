import { beforeEach, describe, expect, it } from 'vitest';
import { SeededRandom } from '../support/seeded-random.ts';
import { SimCluster, type SimNode } from './sim-cluster.ts';
import { LinkError, SimLink } from './sim-link.ts';
import { SimLog } from './sim-log.ts';
import { SimClimate } from './sim-weather.ts';

const longMs = 60_000;

let cluster: SimCluster;
let node: SimNode;
let link: SimLink;
let made: number;
let over: number;

/** On the link, until the node or the device has ended it. */
const call = (): Promise<unknown> =>
  cluster.world.drive(
    link.call(
      () => {
        made++;
        return Promise.resolve('done');
      },
      () => {
        over++;
      },
    ),
    longMs,
  );

beforeEach(async () => {
  const random = new SeededRandom(7);
  cluster = new SimCluster(new SimClimate(random, random, random), random, new SimLog());
  node = cluster.start(1);
  await cluster.world.run(10_000);
  link = new SimLink(cluster, node, 'ann', {
    changes: () => undefined,
    reset: () => undefined,
    closed: () => undefined,
  });
  [made, over] = [0, 0];
});

describe('a call on a link of the simulator', () => {
  it('is over when it is answered', async () => {
    await expect(call()).resolves.toBe('done');
    expect(over).toBe(1);
    cluster.kill(node);
    expect(over).toBe(1);
  });

  it('that its device has given up is over when the paused node has carried it out, not sooner', async () => {
    node.process.time.pause();
    await expect(call()).rejects.toThrow(LinkError);
    await cluster.world.run(longMs);
    expect({ made, over }).toEqual({ made: 0, over: 0 });
    node.process.resume();
    await cluster.world.run(1_000);
    expect({ made, over }).toEqual({ made: 1, over: 1 });
  });

  it('that its device has given up is over when the paused node is killed', async () => {
    node.process.time.pause();
    await expect(call()).rejects.toThrow(LinkError);
    cluster.kill(node);
    expect({ made, over }).toEqual({ made: 0, over: 1 });
    await expect(call()).rejects.toThrow(LinkError);
    expect({ made, over }).toEqual({ made: 0, over: 2 });
  });
});
