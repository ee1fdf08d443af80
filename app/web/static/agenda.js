// A day's lessons as their people see them, and how far each has come.

import { get } from "./api.js";
import { addDays, startOf, todayIn } from "./dates.js";

const LONGEST_LESSON = 4 * 3_600_000;
const PAGE = 200;
const MOST_PAGES = 5;
const OVER = ["ended", "archived", "moved"];

// Today's where the county is, whatever the clock of this device is set to; `mine` as the API has it.
export async function lessonsOfToday(timeZone, mine) {
  const today = todayIn(timeZone);
  const [from, to] = [startOf(today, timeZone), startOf(addDays(today, 1), timeZone)];
  // The API selects by start; a lesson may have begun before midnight.
  const earliest = new Date(from.getTime() - LONGEST_LESSON);
  const query = new URLSearchParams({ from: earliest.toISOString(), to: to.toISOString(), mine, limit: PAGE });
  const found = [];
  for (let page = 0; page < MOST_PAGES; page++) {
    const { items, next } = await get(`/api/v1/lessons?${query}`);
    found.push(...items);
    if (!next) break;
    query.set("after", next);
  }
  return found.filter((lesson) => new Date(lesson.ends_at) > from);
}

// The end of the key of its text: `today.now`.
export function stageOf(lesson, now) {
  const [opens, starts, ends] = [lesson.opens_at, lesson.starts_at, lesson.ends_at].map(Date.parse);
  if (lesson.state === "cancelled") return "cancelled";
  if (now >= ends || OVER.includes(lesson.state)) return "over";
  if (now >= starts) return "now";
  return now >= opens ? "soon" : "later";
}
