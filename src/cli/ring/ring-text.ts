import type { RingPreview, RingProgress, RingReport, RingRequest } from '../../admin/control-api.ts';

const kib = 1024;
const barColumns = 24;

/** `3.1 MiB` */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let amount = bytes;
  let unit = 0;
  for (; amount >= kib && unit < units.length - 1; unit++) amount /= kib;
  return `${unit === 0 ? String(amount) : amount.toFixed(1)} ${units[unit] ?? ''}`;
}

const share = (of1: number): string => `${(of1 * 100).toFixed(1)} %`;

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Columns as wide as what is in them. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What a request does, in words. */
export function requestText(request: RingRequest): string {
  switch (request.kind) {
    case 'join':
      return request.weight === undefined
        ? `join ${request.nodeId}`
        : `join ${request.nodeId} with weight ${request.weight}`;
    case 'weight':
      return `weight of ${request.nodeId} to ${request.weight}`;
    case 'drain':
    case 'remove':
      return `${request.kind} ${request.nodeId}`;
  }
}

export function reportText({ nodeId, epoch, members, removed, pending, last }: RingReport): string {
  const alive = (isAlive: boolean | undefined): string =>
    isAlive === undefined ? 'unknown' : isAlive ? 'yes' : 'NO';
  const rows = members.map((member) => [
    ...[member.nodeId, String(member.weight), share(member.share), alive(member.isAlive)],
    ...[String(member.adoptedEpoch), member.clientUrl, member.peerAddress],
  ]);
  const lines = [
    `epoch ${epoch}, as ${nodeId} sees it`,
    '',
    table([['node', 'weight', 'users', 'alive', 'epoch', 'clients', 'peer'], ...rows]),
    '',
  ];
  if (removed.length > 0) {
    lines.push(
      `removed: ${removed.join(', ')} (\`mailring ring join ${removed[0] ?? ''}\` lets it in again)`,
    );
  }
  lines.push(pending === undefined ? 'no change is under way' : `under way: ${progressText(pending)}`);
  if (last !== undefined) lines.push(`last change: ${finishedText(last)}`);
  return lines.join('\n');
}

export function previewText({
  request,
  movedShare,
  flows,
  silentNodes,
  warnings,
  refusals,
}: RingPreview): string {
  const lines = [`${requestText(request)}: ${share(movedShare)} of all users move to another node`];
  if (flows.length > 0) {
    const rows = flows.map(({ from, to, activeUsers, bytes }) => [
      from,
      to,
      String(activeUsers),
      bytesText(bytes),
    ]);
    lines.push('', table([['from', 'to', 'in memory', 'size'], ...rows]), '');
  }
  for (const nodeId of silentNodes) {
    lines.push(`${nodeId} did not say what moves from it: that will be loaded from the store`);
  }
  for (const warning of warnings) lines.push(`warning: ${warning}`);
  for (const { message, risk } of refusals) {
    lines.push(`refused: ${message}`, ...(risk === undefined ? [] : [`  --force risks: ${risk}`]));
  }
  return lines.join('\n');
}

const phases: Readonly<Record<RingProgress['phase'], string>> = {
  preparing: 'sending state ahead',
  switching: 'switching to the new view',
  settling: 'sending the last of it, moving devices',
  finished: 'finished',
};

/** One line: how far it is. */
export function progressText(progress: RingProgress): string {
  const { kind, nodeId, phase, movedUsers, totalUsers, movedBytes, totalBytes } = progress;
  const users = `${movedUsers} of ${plural(totalUsers, 'user')}`;
  return `${kind} ${nodeId}: ${phases[phase]}, ${users}, ${bytesText(movedBytes)} of ${bytesText(totalBytes)}`;
}

/** The same for a terminal, which shows it over and over. */
export function progressBar(progress: RingProgress): string {
  const { movedUsers, totalUsers, phase } = progress;
  const done = phase === 'finished' ? 1 : totalUsers === 0 ? 0 : Math.min(1, movedUsers / totalUsers);
  const filled = Math.round(done * barColumns);
  return `[${'#'.repeat(filled)}${'.'.repeat(barColumns - filled)}] ${progressText(progress)}`;
}

/** How a change ended, or that it hasn't. */
export function finishedText({ kind, nodeId, startedAt, finishedAt, outcome }: RingProgress): string {
  const what = `${kind} ${nodeId}`;
  if (outcome === undefined || finishedAt === undefined) return `${what} has not ended`;
  const seconds = `${((finishedAt - startedAt) / 1000).toFixed(1)} s`;
  switch (outcome.kind) {
    case 'done':
      return `${what} done in ${seconds}${outcome.remark === undefined ? '' : ` (${outcome.remark})`}`;
    case 'aborted':
    case 'failed':
      return `${what} ${outcome.kind} after ${seconds}: ${outcome.reason}`;
  }
}
