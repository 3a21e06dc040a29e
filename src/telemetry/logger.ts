import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

/** Fields that never reach a log, wherever an object that carries them is logged. */
const secrets = ['token', 'password', 'passwordHash', 'authorization', 'text'];
/** What a client of Redis was sending when it failed: it may be a log-in. */
const secretPaths = ['err.command'];

/**
 * Structured logs, one JSON object a line, on standard output unless told otherwise.
 * Message texts are as secret as passwords: they are redacted too.
 */
export function createLogger(level: string, nodeId: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { nodeId },
    timestamp: () => pino.stdTimeFunctions.epochTime(),
    redact: {
      paths: [...secretPaths, ...secrets.flatMap((field) => [field, `*.${field}`, `*.*.${field}`])],
      censor: '[secret]',
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

export type { Logger };
