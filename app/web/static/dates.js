// Days as the API writes them (2026-11-23): counting them, and saying them in the chosen language. Pure.

import { clock, dated } from "./i18n.js";

const DAY = 86_400_000;
const utc = (iso) => new Date(`${iso}T00:00:00Z`);

export const addDays = (iso, count) => new Date(utc(iso).getTime() + count * DAY).toISOString().slice(0, 10);
export const weekdayOf = (iso) => ((utc(iso).getUTCDay() + 6) % 7) + 1; // Monday is 1
export const mondayOf = (iso) => addDays(iso, 1 - weekdayOf(iso));

// The week of a term, from Monday to Sunday; week 1 has the term's first day in it.
export const weekOf = (firstDay, iso) => (utc(mondayOf(iso)) - utc(mondayOf(firstDay))) / DAY / 7 + 1;
export const mondayOfWeek = (firstDay, week) => addDays(mondayOf(firstDay), 7 * (week - 1));

// Today where the county is.
export const todayIn = (timeZone, now = new Date()) => new Intl.DateTimeFormat("en-CA", { timeZone }).format(now);

// The moment a day begins where the county is; where clocks are put forward then, the first moment of it.
export function startOf(iso, timeZone) {
  const guess = utc(iso).getTime();
  const near = guess - ahead(guess, timeZone);
  return new Date(Math.max(near, guess - ahead(near, timeZone)));
}

// How far a zone's clocks are ahead of UTC at a moment.
function ahead(moment, timeZone) {
  const parts = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" };
  const written = new Intl.DateTimeFormat("en-US", { ...parts, timeZone, hourCycle: "h23" }).formatToParts(new Date(moment));
  const { year, month, day, hour, minute, second } = Object.fromEntries(written.map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.trunc(moment / 1000) * 1000;
}

export const shortDay = (iso) => dated(utc(iso), { month: "short", day: "numeric", timeZone: "UTC" });
export const longDay = (iso) => dated(utc(iso), { weekday: "short", month: "short", day: "numeric", timeZone: "UTC" });
export const longDate = (iso) => dated(utc(iso), { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });
export const weekdayName = (number, weekday = "long") => dated(new Date(Date.UTC(2024, 0, number)), { weekday, timeZone: "UTC" });
export const timeIn = (moment, timeZone) => clock(new Date(moment), timeZone);
