import { Socket } from 'node:net';
import type { SeededRandom } from '../../replay/seeded-random.ts';
import type { LinkProxy } from '../stand/link-proxy.ts';
import type { TortureCluster, TortureNode } from '../stand/torture-cluster.ts';
import type { FaultKind } from './fault.ts';

const delaysMs = [20, 100, 400];
/** Of all links between nodes: so long that several requests are under way at once wherever one does not wait for another. */
const distancesMs = [100, 400];
const floodSockets = 300;

function between(one: TortureNode, other: TortureNode): string {
  return [one.id, other.id].toSorted().join('-');
}

function pairLinks(one: TortureNode, other: TortureNode): LinkProxy[] {
  return [one.links.get(other.id), other.links.get(one.id)].filter((link) => link !== undefined);
}

function healed(links: readonly LinkProxy[]): () => Promise<void> {
  return async () => {
    for (const link of links) link.heal();
  };
}

/** What can happen between nodes, and between them, their clients and services. */
export function networkFaults(cluster: TortureCluster): FaultKind[] {
  const { nodes } = cluster;
  const pairOf = (random: SeededRandom): [TortureNode, TortureNode] => {
    const one = random.pick(nodes);
    return [one, random.pick(nodes.filter((node) => node !== one))];
  };
  return [
    {
      ...{ name: 'partition', weight: 3, lastsMs: [1_000, 20_000] },
      draw: (random) => {
        const [one, other] = pairOf(random);
        return {
          ...{ what: `nothing goes between ${one.id} and ${other.id}`, holds: [between(one, other)] },
          begin: async () => {
            cluster.silence(one, other);
            cluster.silence(other, one);
          },
          end: healed(pairLinks(one, other)),
        };
      },
    },
    {
      ...{ name: 'one-way partition', weight: 2, lastsMs: [1_000, 20_000] },
      draw: (random) => {
        const [one, other] = pairOf(random);
        return {
          ...{ what: `nothing goes from ${one.id} to ${other.id}`, holds: [between(one, other)] },
          begin: async () => cluster.silence(one, other),
          end: healed(pairLinks(one, other)),
        };
      },
    },
    {
      ...{ name: 'isolated node', weight: 2, lastsMs: [1_000, 20_000] },
      draw: (random) => {
        const node = random.pick(nodes);
        const others = nodes.filter((other) => other !== node);
        const services = [...node.links.values()].filter(
          (link) => !others.some(({ id }) => link === node.links.get(id)),
        );
        return {
          what: `${node.id} hears only its clients`,
          holds: [...others.map((other) => between(node, other)), ...services.map(({ name }) => name)],
          begin: async () => {
            for (const other of others) {
              cluster.silence(node, other);
              cluster.silence(other, node);
            }
            for (const link of services) {
              link.hold('out');
              link.hold('back');
            }
          },
          end: healed([...others.flatMap((other) => pairLinks(node, other)), ...services]),
        };
      },
    },
    slowNetwork(cluster),
    ...linkFaults(cluster),
  ];
}

function slowNetwork({ nodes }: TortureCluster): FaultKind {
  return {
    ...{ name: 'slow network', weight: 2, lastsMs: [2_000, 15_000] },
    draw: (random) => {
      const delayMs = random.pick(distancesMs);
      const pairs = nodes.flatMap((one, place) =>
        nodes.slice(place + 1).map((other) => [one, other] as const),
      );
      const links = pairs.flatMap(([one, other]) => pairLinks(one, other));
      return {
        what: `all between nodes takes ${delayMs} ms more`,
        holds: pairs.map(([one, other]) => between(one, other)),
        begin: async () => {
          for (const link of links) link.delayMs = delayMs;
        },
        end: healed(links),
      };
    },
  };
}

/** Of single links, those to clients and services as well. */
function linkFaults({ links, nodes }: TortureCluster): FaultKind[] {
  const holdsOf = ({ name }: LinkProxy): string =>
    /^n\d+>n\d+$/.test(name) ? name.split('>').toSorted().join('-') : name;
  return [
    {
      ...{ name: 'slow link', weight: 2, lastsMs: [2_000, 15_000] },
      draw: (random) => {
        const link = random.pick(links);
        const delayMs = random.pick(delaysMs);
        return {
          ...{ what: `${link.name} takes ${delayMs} ms more`, holds: [holdsOf(link)] },
          begin: async () => {
            link.delayMs = delayMs;
          },
          end: async () => link.heal(),
        };
      },
    },
    {
      ...{ name: 'broken link', weight: 2, lastsMs: [100, 8_000] },
      draw: (random) => {
        const link = random.pick(links);
        return {
          ...{ what: `${link.name} is broken`, holds: [holdsOf(link)] },
          begin: async () => link.break(),
          end: async () => link.heal(),
        };
      },
    },
    {
      ...{ name: 'silent link', weight: 2, lastsMs: [1_000, 15_000] },
      draw: (random) => {
        const link = random.pick(links);
        const direction = random.pick(['out', 'back'] as const);
        return {
          ...{ what: `${link.name} is silent, ${direction}`, holds: [holdsOf(link)] },
          begin: async () => link.hold(direction),
          end: async () => link.heal(),
        };
      },
    },
    {
      ...{ name: 'connection flood', weight: 1, lastsMs: [1_000, 5_000] },
      draw: (random) => {
        const node = random.pick(nodes);
        const sockets: Socket[] = [];
        return {
          ...{ what: `${floodSockets} sockets to ${node.id}`, holds: [`flood ${node.id}`] },
          begin: async () => flood(node.clients.port, sockets, random),
          end: async () => {
            for (const socket of sockets) socket.destroy();
          },
        };
      },
    },
  ];
}

/** Some say nothing, some half a request, some what is none. */
function flood(port: number, sockets: Socket[], random: SeededRandom): void {
  const greetings = [
    '',
    'GET /v1/ws HTTP/1.1\r\nHost: a\r\n',
    '\u0000\u0001\u0002',
    'GET / HTTP/1.1\r\n\r\n',
  ];
  for (let count = 0; count < floodSockets; count++) {
    const socket = new Socket();
    socket.on('error', () => undefined); // Being turned away is what may happen to it.
    socket.connect(port, '127.0.0.1', () => socket.write(random.pick(greetings)));
    sockets.push(socket);
  }
}
