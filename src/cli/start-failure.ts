/** What may be done about what the system refuses; its own words name the port or the path. */
const hints = new Map([
  [
    'EADDRINUSE',
    'another process has this port, maybe one that was started before: end that one, or take other ports ' +
      '(mailring node: --listen, --ops, --peer; npm start: --port)',
  ],
  ['EADDRNOTAVAIL', 'this machine has no such address: see --listen, --ops and --peer'],
  ['EEXIST', 'this is no folder; --data names the one where data is kept'],
  ['ENOTDIR', 'this is no folder; --data names the one where data is kept'],
  ['EROFS', '--data names the folder where data is kept'],
]);

const mayNot = 'the user of this process may not do that; --data names the folder where data is kept';

/** Why something could not be started, for the person who tried. */
export function startFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hint = hintOf(error);
  return hint === undefined ? error.message : `${error.message}\n(${hint})`;
}

function hintOf(error: Error): string | undefined {
  if (!('code' in error) || typeof error.code !== 'string') return undefined;
  // The same code is given for ports below 1024, where there is no path.
  if (error.code === 'EACCES' && 'path' in error) return mayNot;
  return hints.get(error.code);
}
