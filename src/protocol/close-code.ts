/** WebSocket close codes: 4000 to 4499 mean come back, 4500 to 4999 mean stop. */
export const closeCodes = {
  shuttingDown: 4000,
  moved: 4001,
  slowConsumer: 4002,
  heartbeatMissed: 4003,
  rate: 4004,
  badFrame: 4500,
  tokenEnded: 4501,
  notOpened: 4502,
  replaced: 4503,
  tooLarge: 4504,
} as const;

export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes];
