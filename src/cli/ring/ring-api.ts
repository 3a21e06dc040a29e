import type {
  ControlErrorBody,
  ControlErrorCode,
  RingPreview,
  RingProgress,
  RingReport,
  RingRequest,
} from '../../admin/control-api.ts';

/** `unreachable`: no node answered. Otherwise what the control API said. */
export type RingApiErrorCode = ControlErrorCode | 'unreachable';

/** Why the control API did not do what was asked. */
export class RingApiError extends Error {
  override readonly name = 'RingApiError';
  readonly code: RingApiErrorCode;
  /** What `--force` risks; undefined: it can't be forced. */
  readonly risk: string | undefined;

  constructor(code: RingApiErrorCode, message: string, risk?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.risk = risk;
  }

  /** Is it worth asking again, or asking another node? */
  get isPassing(): boolean {
    return ['unreachable', 'unavailable', 'not_member', 'rate_limited', 'internal'].includes(this.code);
  }
}

/** A change as a node told it; `etag` stands for this very state. */
export interface SeenProgress {
  readonly progress: RingProgress;
  readonly etag: string;
}

export interface RingApiOptions {
  /** Base addresses of operations ports, at least one. */
  readonly opsUrls: readonly string[];
  readonly token: string;
  /** Aborted: nothing is asked any more. */
  readonly signal: AbortSignal;
}

interface Question {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly waitMs?: number;
}

const requestTimeoutMs = 15_000;

/** The control API of one node after the other, beginning with the one that answered last. */
export class RingApi {
  readonly #options: RingApiOptions;
  #turn = 0;

  constructor(options: RingApiOptions) {
    this.#options = options;
  }

  async show(): Promise<RingReport> {
    return (await this.#ask('GET', '/v1/ring')).body as RingReport;
  }

  async preview(request: RingRequest): Promise<RingPreview> {
    return (await this.#ask('POST', '/v1/ring/preview', { body: request })).body as RingPreview;
  }

  async start(request: RingRequest, force: boolean): Promise<RingProgress> {
    return (await this.#ask('POST', '/v1/ring/changes', { body: { request, force } })).body as RingProgress;
  }

  async abort(changeId: string): Promise<RingProgress> {
    const path = `/v1/ring/changes/${encodeURIComponent(changeId)}/abort`;
    return (await this.#ask('POST', path)).body as RingProgress;
  }

  /**
   * The change, as soon as it is no longer in the state of `etag`, after `waitMs` at the latest: then undefined.
   * @param changeId `latest`: the one that runs, else the last one
   */
  async progress(
    changeId: string,
    etag: string | undefined,
    waitMs: number,
  ): Promise<SeenProgress | undefined> {
    const path = `/v1/ring/changes/${encodeURIComponent(changeId)}?waitMs=${waitMs}`;
    const headers = etag === undefined ? {} : { 'if-none-match': etag };
    const answer = await this.#ask('GET', path, { headers, waitMs });
    if (answer.body === undefined) return undefined;
    return { progress: answer.body as RingProgress, etag: answer.etag };
  }

  /** Rejects with RingApiError; the next node has its turn after one that is out of reach. */
  async #ask(
    method: string,
    path: string,
    { body, headers = {}, waitMs = 0 }: Question = {},
  ): Promise<{ body: unknown; etag: string }> {
    const { opsUrls, token, signal } = this.#options;
    const opsUrl = opsUrls[this.#turn % opsUrls.length] ?? '';
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${opsUrl}${path}`, {
        method,
        headers: { ...headers, authorization: `Bearer ${token}` },
        signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs + waitMs)]),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch (error) {
      this.#turn += 1;
      const why = `no answer from ${opsUrl} (${reasonOf(error)}); --ops names a node's operations address`;
      throw new RingApiError('unreachable', why, undefined, { cause: error });
    }
    const etag = response.headers.get('etag') ?? '';
    if (response.status === 304) return { body: undefined, etag };
    const answer = parsed(text);
    if (response.ok && answer !== undefined) return { body: answer, etag };
    throw errorOf(answer, `${opsUrl} answered ${response.status}: is it a node's operations address?`);
  }
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function errorOf(answer: object | undefined, otherwise: string): RingApiError {
  if (answer === undefined || !('error' in answer)) return new RingApiError('unreachable', otherwise);
  const { code, message, risk } = (answer as ControlErrorBody).error;
  return new RingApiError(code, message, risk);
}

/** `fetch` hides what happened in a cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.message;
}
