const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const shortDate = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const longDate = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});

const dayMs = 24 * 60 * 60_000;

/** A number that is the same for all times of one local day. */
export function dayOf(timeMs: number): number {
  return new Date(timeMs).setHours(0, 0, 0, 0);
}

/** Time of day. */
export function clockTime(timeMs: number): string {
  return clock.format(timeMs);
}

/** As short as it is clear: the time today, the weekday this week, else the date. */
export function listTime(timeMs: number): string {
  const today = dayOf(Date.now());
  if (timeMs >= today) return clock.format(timeMs);
  return (today - timeMs < 6 * dayMs ? weekday : shortDate).format(timeMs);
}

/** A day in full, or today and yesterday by name. */
export function dayName(timeMs: number): string {
  const today = dayOf(Date.now());
  if (timeMs >= today) return 'Today';
  return dayOf(timeMs) === dayOf(today - 1) ? 'Yesterday' : longDate.format(timeMs);
}
