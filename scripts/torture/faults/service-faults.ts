import type { ServiceGroup } from '../../../cluster/service-group.ts';
import type { FaultKind } from './fault.ts';

const regionServers = ['regionserver1', 'regionserver2'];

/**
 * Starts again what does not run, all at once, as some wait for others: a region server for the master, the master for
 * a region server. What cannot be started now is left as it is.
 *
 * @returns how many did not run
 */
export async function restartEnded(group: ServiceGroup): Promise<number> {
  const ended = group.processNames.filter((name) => group.pid(name) === undefined);
  await Promise.allSettled(ended.map((name) => group.restart(name)));
  return ended.length;
}

/** One process of a service is killed, or stands still. One at a time: more would be the service's own end. */
function processFault(
  group: ServiceGroup,
  how: 'kill' | 'pause',
  of: { readonly what: string; readonly names: readonly string[]; readonly hold: string },
  more: Pick<FaultKind, 'weight' | 'lastsMs'>,
): FaultKind {
  return {
    ...{ name: `${how} ${of.what}`, ...more },
    draw: (random) => {
      const name = random.pick(of.names);
      return {
        ...{ what: `${how === 'kill' ? 'kill -9' : 'SIGSTOP'} of ${name}`, holds: [of.hold] },
        begin: async () => {
          if (group.pid(name) === undefined) return false; // It has ended by itself, and is started again when this ends.
          if (how === 'kill') await group.kill(name);
          else group.pause(name);
          return true;
        },
        end: async () => {
          if (how === 'pause' && group.pid(name) !== undefined) group.resume(name);
          await restartEnded(group);
        },
      };
    },
  };
}

/** What can happen to the processes of an HBase on HDFS. */
export function hbaseFaults(hbase: ServiceGroup): FaultKind[] {
  const servers = { what: 'region server', names: regionServers, hold: 'hbase' };
  const master = { what: 'master', names: ['master'], hold: 'hbase' };
  return [
    processFault(hbase, 'kill', servers, { weight: 2, lastsMs: [500, 15_000] }),
    processFault(hbase, 'pause', servers, { weight: 2, lastsMs: [1_000, 20_000] }),
    processFault(hbase, 'kill', master, { weight: 1, lastsMs: [500, 10_000] }),
    processFault(hbase, 'pause', master, { weight: 1, lastsMs: [1_000, 10_000] }),
  ];
}

export function redisFaults(redis: ServiceGroup): FaultKind[] {
  const server = { what: 'Redis', names: ['redis'], hold: 'redis' };
  return [
    processFault(redis, 'kill', server, { weight: 2, lastsMs: [200, 15_000] }),
    processFault(redis, 'pause', server, { weight: 2, lastsMs: [500, 15_000] }),
  ];
}
