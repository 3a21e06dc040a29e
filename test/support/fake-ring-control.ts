import { RingControlError } from '../../src/handoff/ring-control.ts';
import type {
  RingControl,
  RingControlCode,
  RingPreview,
  RingProgress,
  RingReport,
  RingRequest,
} from '../../src/handoff/ring-control.ts';

/** A ring of three nodes that does what a test tells it; its changes go on when the test says so. */
export class FakeRingControl implements RingControl {
  /** What `preview` and `start` refuse with, unless forced. */
  refusal: { readonly code: RingControlCode; readonly message: string; readonly risk?: string } | undefined;
  readonly started: { readonly request: RingRequest; readonly force: boolean }[] = [];
  current: RingProgress | undefined;
  #changes = 0;

  async show(): Promise<RingReport> {
    const member = (nodeId: string, weight: number): RingReport['members'][number] => ({
      nodeId,
      incarnation: '0123456789abcdef',
      weight,
      share: weight / 300,
      clientUrl: `ws://${nodeId}:7400/v1/ws`,
      peerAddress: `${nodeId}:7600`,
      isAlive: nodeId === 'n3' ? undefined : true,
      adoptedEpoch: 7,
    });
    const { current } = this;
    return {
      nodeId: 'n1',
      epoch: 7,
      members: [member('n1', 100), member('n2', 100), member('n3', 100)],
      removed: ['n9'],
      pending: current?.phase === 'finished' ? undefined : current,
      last: current?.phase === 'finished' ? current : undefined,
    };
  }

  async preview(request: RingRequest): Promise<RingPreview> {
    return {
      request,
      epoch: 7,
      movedShare: 0.25,
      flows: [{ from: 'n1', to: 'n2', activeUsers: 120, bytes: 3_000_000 }],
      silentNodes: [],
      warnings: [],
      refusals: this.refusal === undefined ? [] : [{ ...this.refusal, risk: this.refusal.risk }],
    };
  }

  async start(request: RingRequest, { force }: { readonly force: boolean }): Promise<RingProgress> {
    if (this.refusal !== undefined && !(force && this.refusal.risk !== undefined)) {
      throw new RingControlError({ ...this.refusal, risk: this.refusal.risk });
    }
    this.started.push({ request, force });
    this.current = {
      changeId: `c${++this.#changes}`,
      kind: request.kind,
      nodeId: request.nodeId,
      coordinator: 'n1',
      phase: 'preparing',
      totalUsers: 200,
      movedUsers: 0,
      totalBytes: 4_000_000,
      movedBytes: 0,
      nodes: [{ nodeId: 'n1', state: 'sending', totalUsers: 200, movedUsers: 0 }],
      startedAt: 1_700_000_000_000,
      finishedAt: undefined,
      outcome: undefined,
    };
    return this.current;
  }

  async progress(changeId: string | undefined): Promise<RingProgress | undefined> {
    return changeId === undefined || changeId === this.current?.changeId ? this.current : undefined;
  }

  async abort(changeId: string): Promise<RingProgress> {
    if (this.current?.changeId !== changeId) throw noSuchChange;
    if (this.current.phase !== 'preparing') {
      throw new RingControlError({
        code: 'too_late',
        message: 'users are served elsewhere',
        risk: undefined,
      });
    }
    return this.goOn({ phase: 'finished', outcome: { kind: 'aborted', reason: 'by an operator' } });
  }

  /** The change goes on. */
  goOn(change: Partial<RingProgress>): RingProgress {
    if (this.current === undefined) throw noSuchChange;
    this.current = { ...this.current, ...change };
    return this.current;
  }
}

const noSuchChange = new RingControlError({
  code: 'no_such_change',
  message: 'there is no such change',
  risk: undefined,
});
