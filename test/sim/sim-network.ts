import { ConnectionRefused } from '../../src/peer/peer-network.ts';
import type {
  PeerAddress,
  PeerListener,
  PeerListenerEvents,
  PeerNetwork,
  PeerSocket,
  PeerSocketEvents,
} from '../../src/peer/peer-network.ts';
import type { SimulatedConnection, SimulatedNetwork } from '../support/simulated-network.ts';
import type { SimProcess } from './sim-process.ts';

/** One connection between two nodes, as the world knows it. */
interface Cable {
  readonly from: string;
  readonly to: string;
  readonly connection: SimulatedConnection;
}

/** Which nodes reach each other. Hosts are node ids; each process listens on a port of its own. */
export class SimWiring {
  readonly network: SimulatedNetwork;
  readonly #cuts = new Set<string>();
  readonly #refusals = new Set<string>();
  readonly #hidden = new Set<string>();
  #cables: Cable[] = [];

  constructor(network: SimulatedNetwork) {
    this.network = network;
  }

  isCut(a: string, b: string): boolean {
    return this.#cuts.has(`${a} ${b}`);
  }

  /** From now on nothing passes between the two, and nobody is told. */
  cut(a: string, b: string): void {
    this.#cuts.add(`${a} ${b}`).add(`${b} ${a}`);
    for (const { connection } of this.#between(a, b)) connection.isMute = true;
  }

  /** From now on connections between the two break, and dials are refused, by something on the way. */
  refuse(a: string, b: string): void {
    this.#refusals.add(`${a} ${b}`).add(`${b} ${a}`);
    this.breakBetween(a, b);
  }

  isRefused(a: string, b: string): boolean {
    return this.#refusals.has(`${a} ${b}`);
  }

  /** From now on nobody gets to the node, and it gets to everybody: its address is wrong, or behind a firewall. */
  hide(nodeId: string): void {
    this.#hidden.add(nodeId);
    for (const { to, connection } of this.#cables) if (to === nodeId) connection.break();
  }

  show(nodeId: string): void {
    this.#hidden.delete(nodeId);
  }

  isHidden(nodeId: string): boolean {
    return this.#hidden.has(nodeId);
  }

  /** Packets pass again; connections of before the cut find out that they are dead. */
  mend(a: string, b: string): void {
    if (!this.#cuts.delete(`${a} ${b}`)) return;
    this.#cuts.delete(`${b} ${a}`);
    for (const { connection } of this.#between(a, b)) {
      connection.isMute = false;
      connection.break();
    }
  }

  mendAll(): void {
    this.#hidden.clear();
    for (const cut of [...this.#cuts]) {
      const [a = '', b = ''] = cut.split(' ');
      this.mend(a, b);
    }
  }

  /** Connections between the two break, and both sides are told. */
  breakBetween(a: string, b: string): void {
    for (const { connection } of this.#between(a, b)) connection.break();
  }

  made(from: string, to: string): void {
    const connection = this.network.last;
    connection.isMute = this.isCut(from, to);
    this.#cables = this.#cables.filter((cable) => cable.connection.isOpen);
    this.#cables.push({ from, to, connection });
  }

  #between(a: string, b: string): readonly Cable[] {
    return this.#cables.filter(({ from, to }) => (from === a && to === b) || (from === b && to === a));
  }
}

const neverConnects: PeerSocket = {
  write: () => undefined,
  end: () => undefined,
  destroy: () => undefined,
};

/** The network as one process has it: what arrives waits while it is paused, and nothing of it outlives it. */
export class ProcessNetwork implements PeerNetwork {
  readonly #nodeId: string;
  readonly #wiring: SimWiring;
  readonly #process: SimProcess;
  readonly #sockets = new Set<PeerSocket>();

  constructor(nodeId: string, wiring: SimWiring, process: SimProcess) {
    this.#nodeId = nodeId;
    this.#wiring = wiring;
    this.#process = process;
    // The kernel closes what a killed process had open.
    process.onDeath(() => {
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  dial(address: PeerAddress, events: PeerSocketEvents): PeerSocket {
    const to = address.host;
    if (this.#wiring.isCut(this.#nodeId, to) || this.#wiring.isHidden(to)) return neverConnects;
    if (this.#wiring.isRefused(this.#nodeId, to)) {
      this.#process.time.soon(() => events.closed(new ConnectionRefused('refused on the way')));
      return neverConnects;
    }
    const gated = this.#gated(events, () => socket);
    const socket = this.#wiring.network.dial(address, {
      ...gated,
      connected: () => {
        this.#wiring.made(this.#nodeId, to);
        gated.connected();
      },
    });
    this.#sockets.add(socket);
    return this.#own(socket);
  }

  async listen(address: PeerAddress, events: PeerListenerEvents): Promise<PeerListener> {
    const listener = await this.#wiring.network.listen(address, {
      accepted: (socket) => {
        this.#sockets.add(socket);
        let inner: PeerSocketEvents | undefined;
        this.#process.enter(() => {
          inner = events.accepted(this.#own(socket));
        });
        const later: PeerSocketEvents = {
          connected: () => undefined,
          data: (bytes, length) => inner?.data(bytes, length),
          closed: (cause) => inner?.closed(cause),
        };
        return this.#gated(later, () => socket);
      },
      failed: (cause) => {
        events.failed(cause);
      },
    });
    this.#process.onDeath(() => void listener.close());
    return listener;
  }

  /** The buffer is let go of when the process can hear of it. */
  #own(socket: PeerSocket): PeerSocket {
    return {
      write: (bytes, written) => {
        socket.write(bytes, () => {
          this.#process.enter(written);
        });
      },
      end: (lastBytes) => {
        this.#sockets.delete(socket);
        socket.end(lastBytes);
      },
      destroy: () => {
        this.#sockets.delete(socket);
        socket.destroy();
      },
    };
  }

  #gated(events: PeerSocketEvents, socket: () => PeerSocket): PeerSocketEvents {
    return {
      connected: () => {
        this.#process.enter(() => {
          events.connected();
        });
      },
      data: (bytes, length) => {
        // The bytes are overwritten when the event is over, and the process may be paused.
        const kept = Buffer.from(bytes.subarray(0, length));
        this.#process.enter(() => {
          events.data(kept, length);
        });
      },
      closed: (cause) => {
        this.#sockets.delete(socket());
        this.#process.enter(() => {
          events.closed(cause);
        });
      },
    };
  }
}
