import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';
import type { RingProgress } from './handoff/ring-control.ts';
import type { MemberNodeEvents } from './member-node.ts';
import type { MembershipEvent } from './membership/membership-event.ts';
import type { PeerCertificatesPorts } from './peer/peer-certificates.ts';
import type { PeerFault } from './peer/peer-fault.ts';
import type { Logger } from './telemetry/logger.ts';

export interface MemberEventSinks {
  readonly logger: Logger;
  readonly registry: Registry;
  readonly monotonicMs: () => number;
}

/** One counter each. */
const helps = {
  ring_views: 'Ring views that this node has adopted.',
  ring_removals: 'Nodes without a sign of life that this node had removed from the ring.',
  ring_exclusions: 'Times this node was removed from the ring while it lived.',
  lease_board_troubles: 'Failures of the lease board (Redis, or the store).',
  outbox_scan_failures: 'Scans for owed copies that failed and are tried again.',
  alarms: 'Bugs that were contained: an input could not be processed, a request failed unforeseen.',
} as const;

/** What goes wrong several times a second while Redis or the store is away is logged so often; the counters have all. */
const troubleEveryMs = 10_000;

/** What happens to a node of the ring, for the log and, counted, for alerts. All of it is rare, but for lasting trouble. */
export class MemberEvents implements MemberNodeEvents {
  readonly #logger: Logger;
  readonly #replaced: () => void;
  readonly #count: (name: keyof typeof helps) => void;
  readonly #troubles: Counter<'what'>;
  readonly #monotonicMs: () => number;
  /** By what it was for: when it was logged last, and how often it was not since. */
  readonly #logged = new Map<string, { readonly atMs: number; unlogged: number }>();

  /** @param replaced another process was started under the id of this node */
  constructor({ logger, registry, monotonicMs }: MemberEventSinks, replaced: () => void) {
    this.#logger = logger;
    this.#monotonicMs = monotonicMs;
    this.#replaced = replaced;
    const registers = [registry];
    const counters = new Map(
      Object.entries(helps).map(([name, help]) => [
        name,
        new Counter({ name: `mailring_${name}_total`, help, registers }),
      ]),
    );
    this.#count = (name) => counters.get(name)?.inc();
    this.#troubles = new Counter({
      name: 'mailring_ring_troubles_total',
      help: 'What failed and is tried again: proofs of the view, rounds on the board, to be reached before coming into service.',
      labelNames: ['what'],
      registers,
    });
    // There from the start, or a first failure would not show as an increase.
    for (const what of ['proof', 'board', 'arrival', 'other']) this.#troubles.inc({ what }, 0);
  }

  readonly membership = (event: MembershipEvent): void => {
    this.#logMembership(event);
    switch (event.kind) {
      case 'adopted':
        this.#count('ring_views');
        break;
      case 'removed':
        for (const _ of event.nodeIds) this.#count('ring_removals');
        break;
      case 'excluded':
        this.#count('ring_exclusions');
        break;
      case 'unreached':
        this.#troubles.inc({ what: 'arrival' });
        break;
      case 'replaced':
        this.#replaced();
        break;
      case 'trouble':
        this.#troubles.inc({ what: troubleLabels.get(event.what) ?? 'other' });
    }
  };

  readonly peers: MemberNodeEvents['peers'] = {
    linkUp: (peer) => {
      this.#logger.info({ peer: peer.nodeId }, 'link to a peer is up');
    },
    linkDown: (peer, fault, failures) => {
      const level = failures > 1 ? 'debug' : 'warn';
      this.#logger[level](
        { peer, ...reasonOf(fault), failures },
        'link to a peer is down and is tried again',
      );
    },
    acceptedDown: (peer, fault) => {
      this.#logger.info({ peer: peer?.nodeId, ...reasonOf(fault) }, 'a connection of a peer has ended');
    },
    handlerFailed: (error, from) => {
      this.#count('alarms');
      this.#logger.error(
        { err: error, peer: from.nodeId },
        'a request of a peer failed in an unforeseen way',
      );
    },
  };

  readonly certificates: Omit<PeerCertificatesPorts, 'time'> = {
    onRenewed: ({ expiryMs }) => {
      this.#logger.info(
        { expires: new Date(expiryMs) },
        'new links use the files of peerTls as they are now',
      );
    },
    onTrouble: (error) => {
      this.#logger.warn(
        { err: error },
        'the files of peerTls are of no use; what was read before stays in use',
      );
    },
  };

  readonly ringChange = (progress: RingProgress): void => {
    const { changeId, kind, nodeId, phase, movedUsers, totalUsers, movedBytes, outcome } = progress;
    const level = outcome === undefined || outcome.kind === 'done' ? 'info' : 'warn';
    this.#logger[level](
      { changeId, kind, node: nodeId, phase, movedUsers, totalUsers, movedBytes, outcome },
      'a change of the ring goes on',
    );
  };

  readonly sweepFailed = (error: unknown): void => {
    this.#count('outbox_scan_failures');
    this.#logger.warn({ err: error }, 'the scan for owed copies failed and will be tried again');
  };

  readonly alarm = (error: unknown, what: string): void => {
    this.#count('alarms');
    this.#logger.error({ err: error, what }, 'an input could not be processed');
  };

  readonly boardTrouble = (error: unknown): void => {
    this.#count('lease_board_troubles');
    this.#warn('the lease board', error, 'the lease board is out of reach and will be tried again');
  };

  #logMembership(event: MembershipEvent): void {
    const logger = this.#logger;
    switch (event.kind) {
      case 'adopted': {
        const { epoch, members } = event.change.after;
        logger.info({ epoch, members: members.map(({ nodeId }) => nodeId) }, 'a ring view is in force');
        break;
      }
      case 'removed':
        logger.warn(
          { nodes: event.nodeIds, alone: event.isAlone },
          'nodes without a sign of life were removed from the ring',
        );
        break;
      case 'excluded':
        logger.warn({ epoch: event.view.epoch }, event.isOnPurpose ? keptOut : letInAgain);
        break;
      case 'unreached': {
        const { by, peerAddress, waitedMs } = event;
        logger.warn({ by, peerAddress, waitedMs }, unreached);
        break;
      }
      case 'replaced':
        logger.error('another process was started under the id of this node, which ends');
        break;
      case 'trouble':
        this.#warn(event.what, event.error, 'membership has trouble and goes on trying');
    }
  }

  #warn(what: string, err: unknown, message: string): void {
    const nowMs = this.#monotonicMs();
    const last = this.#logged.get(what);
    if (last !== undefined && nowMs - last.atMs < troubleEveryMs) {
      last.unlogged += 1;
      return;
    }
    this.#logged.set(what, { atMs: nowMs, unlogged: 0 });
    this.#logger.warn({ err, what, ...(last && { unlogged: last.unlogged }) }, message);
  }
}

const letInAgain = 'this node was removed from the ring while it lives, and joins again';
const unreached =
  'no other node reaches this one, so it gets no users: the others must be able to connect to its peer address ' +
  '(--peer), and all need the same cluster secret, and certificates of one authority where they have any (peerTls)';
const keptOut = 'an operator has removed this node: it stays out of the ring until `mailring ring join`';

/** Labels have to be few and stable: what is not one of these rounds is `other`. */
const troubleLabels = new Map([
  ['proof of the view', 'proof'],
  ['lease board', 'board'],
]);

/** Links break where processes end: no stack is of interest. */
function reasonOf({ code, message }: PeerFault): { code: string; reason: string } {
  return { code, reason: message };
}
