// What a new term most likely is, from those that were before. Pure.

import { addDays, mondayOf, weekdayOf } from "./dates.js";

const YEAR = 364; // days: the same weekday a year later
const WEEKS = 20;
const PAIRS = [["秋", "春"], ["Autumn", "Spring"], ["autumn", "spring"], ["上学期", "下学期"], ["第一学期", "第二学期"]];
const SCHOOL_YEARS = /\d{4}\s*[-–—]\s*\d{4}/; // of both halves: it ends with the second one

export const byStart = (terms) => [...terms].sort((one, other) => (one.first_day < other.first_day ? -1 : 1));

// The days of the term before the last one, a year later; else the weeks that come after the last one.
export function proposedTerm(terms, today) {
  const [before, last] = [null, null, ...byStart(terms)].slice(-2);
  if (!last) {
    const first = addDays(mondayOf(today), weekdayOf(today) === 1 ? 0 : 7);
    return { name: "", first_day: first, last_day: addDays(first, 7 * WEEKS - 3), weekdays: [1, 2, 3, 4, 5] };
  }
  const { weekdays } = last;
  const taken = new Set(terms.map(({ name }) => name));
  const free = (name) => (taken.has(name) ? "" : name);
  const later = before && addDays(before.first_day, YEAR);
  if (before && later > last.last_day) {
    return { name: free(yearOn(before.name, 1)), first_day: later, last_day: addDays(before.last_day, YEAR), weekdays };
  }
  const first = addDays(mondayOf(last.last_day), 7);
  const length = 7 * (last.weeks - 1) + weekdayOf(last.last_day) - 1;
  return { name: free(nextName(last.name)), first_day: first, last_day: addDays(first, length), weekdays };
}

const yearOn = (name, years) => name.replace(/\d{4}/g, (year) => Number(year) + years);

// "2026 秋 Autumn" is followed by "2027 春 Spring", "2026–2027 上学期" by "2026–2027 下学期"; what is not known of, by nothing.
function nextName(name) {
  const found = PAIRS.filter((pair) => pair.some((half) => name.includes(half)));
  if (!found.length) return "";
  const isFirst = found.every(([first]) => name.includes(first));
  const other = found.reduce((words, [first, second]) => (isFirst ? words.replace(first, second) : words.replace(second, first)), name);
  return yearOn(other, isFirst === SCHOOL_YEARS.test(name) ? 0 : 1);
}
