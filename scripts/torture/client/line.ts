import type { CallShapes, Method, Outcome } from './protocol-shapes.ts';

/** A way from a device to the server, which is found again when it is lost. */
export interface Line {
  readonly isOpen: boolean;
  /** Since when it has had no connection; Infinity where it has one. */
  readonly awaySinceMs: number;
  /** Begins, or goes on after `end`. */
  start(): void;
  /** Resolves when it is gone. */
  end(): Promise<void>;
  /** Drops the connection, with or without a word; it comes back by itself. */
  drop(isPolite: boolean): void;
  /** Undefined where there is no connection, so that nothing was sent. */
  call<M extends Method>(
    method: M,
    params: CallShapes[M]['params'],
  ): Promise<Outcome<CallShapes[M]['result']>> | undefined;
}
