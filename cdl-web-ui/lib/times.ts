const LOCALE = "en-GB";
const DAY_MS = 86_400_000;

/** A moment as people say it in a list: the time today, the weekday this week, else the day. */
export function shortTime(iso: string): string {
  const at = new Date(iso);
  const age = Date.now() - at.getTime();
  if (at.toDateString() === new Date().toDateString()) return at.toLocaleTimeString(LOCALE, { hour: "2-digit", minute: "2-digit" });
  if (age >= 0 && age < 6 * DAY_MS) return at.toLocaleDateString(LOCALE, { weekday: "long" });
  return day(iso);
}

export function day(iso: string): string {
  return new Date(iso).toLocaleDateString(LOCALE, { day: "numeric", month: "short", year: "numeric" });
}

export function dayAndTime(iso: string): string {
  return new Date(iso).toLocaleString(LOCALE, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
}
