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

interface Answer {
  readonly body: unknown;
  readonly etag: string;
}

interface Question {
  readonly body?: object;
  /** It changes nothing: any number of nodes may be asked. */
  readonly isRead?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly waitMs?: number;
}

const requestTimeoutMs = 15_000;
/** What `fetch` says where a request was not even sent. */
const notSentCodes = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT'];

/**
 * The control API of one node after the other, beginning with the one that answered last. Who is not in the ring can't
 * answer for it: the node that an operator has removed, and is to let in again, is mostly among those that are named.
 */
export class RingApi {
  readonly #options: RingApiOptions;
  #turn = 0;

  constructor(options: RingApiOptions) {
    this.#options = options;
  }

  async show(): Promise<RingReport> {
    return (await this.#ask('GET', '/v1/ring', { isRead: true })).body as RingReport;
  }

  async preview(request: RingRequest): Promise<RingPreview> {
    return (await this.#ask('POST', '/v1/ring/preview', { body: request, isRead: true })).body as RingPreview;
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
    const answer = await this.#ask('GET', path, { headers, waitMs, isRead: true });
    if (answer.body === undefined) return undefined;
    return { progress: answer.body as RingProgress, etag: answer.etag };
  }

  /** Rejects with RingApiError where no node did it that could be asked without doing it twice. */
  async #ask(method: string, path: string, question: Question = {}): Promise<Answer> {
    const { opsUrls, signal } = this.#options;
    for (let asked = 1; ; asked++) {
      try {
        return await this.#askOne(opsUrls[this.#turn % opsUrls.length] ?? '', method, path, question);
      } catch (error) {
        if (!(error instanceof RingApiError) || !error.isPassing) throw error;
        this.#turn += 1;
        const mayAskNext = question.isRead === true || wasNotDone(error);
        if (!mayAskNext || asked >= opsUrls.length || signal.aborted) throw error;
      }
    }
  }

  async #askOne(
    opsUrl: string,
    method: string,
    path: string,
    { body, headers = {}, waitMs = 0 }: Question,
  ): Promise<Answer> {
    const { token, signal } = this.#options;
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
  // The port for clients has numbers for codes.
  if (typeof code !== 'string') return new RingApiError('unreachable', otherwise);
  return new RingApiError(code, message, risk);
}

/** Is it certain that the node has not begun what it was asked for? */
function wasNotDone({ code, cause }: RingApiError): boolean {
  return code === 'not_member' || (code === 'unreachable' && notSentCodes.includes(reasonOf(cause)));
}

/** `fetch` hides what happened in a cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.message;
}
