/** The last instant of a calendar day (`YYYY-MM-DD`) in the reader's own time, RFC 3339 in UTC. */
export function endOfDay(day: string): string {
  const [year = 1970, month = 1, date = 1] = day.split('-').map(Number);
  return new Date(year, month - 1, date, 23, 59, 59, 999).toISOString();
}

/** The calendar day (`YYYY-MM-DD`) of an instant in the reader's own time. */
export function dayOf(instant: string | number): string {
  const at = new Date(instant);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** The day so many days before an instant. */
export function dayBefore(now: number, days: number): string {
  const at = new Date(now);
  return dayOf(new Date(at.getFullYear(), at.getMonth(), at.getDate() - days).getTime());
}

/** Whole days between the day of an instant and that of now; 0 = the same day. */
export function daysBack(now: number, instant: string): number {
  const noon = (at: Date): number => Date.UTC(at.getFullYear(), at.getMonth(), at.getDate());
  return Math.round((noon(new Date(now)) - noon(new Date(instant))) / 86_400_000);
}
