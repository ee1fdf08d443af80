// What is in the way of a plan, in words, and the free alternatives as buttons.

import { longDay, timeIn, todayIn, weekdayName } from "./dates.js";
import { hasText, say, text } from "./i18n.js";
import { child } from "./page.js";
import { titleOf } from "./subjects.js";

const MOST = 8;
const MOST_DAYS = 3;

export const isClash = ({ code }) => code === "timetable.clash" || code === "timetable.bells_apart";

// found: what the dry run or the refusal says; onChoice(weekday, period): takes an alternative, where that is possible.
export function showFindings(place, found, zone, onChoice = null) {
  place.replaceChildren();
  const { clashes, total, bells_apart: apart, alternatives } = found;
  say(child(place, "p", "finding-sum"), "clash.sum", { count: total + apart.length });
  const list = child(place, "ul", "finding-list");
  let named = 0;
  for (const each of bySeries(clashes, zone).slice(0, MOST)) {
    sayClash(child(list, "li"), each);
    named += each.count;
  }
  for (const each of apart.slice(0, MOST)) {
    say(child(list, "li"), "clash.bells", { name: each.name, ...spanOf(each, zone) });
    named += 1;
  }
  const more = total + apart.length - named;
  if (more > 0) say(child(list, "li"), "clash.more", { count: more });
  if (!onChoice) return;
  if (!alternatives.length) return say(child(place, "p"), "clash.no_alternative");
  say(child(place, "p"), "clash.alternatives");
  const ways = child(place, "div", "alternatives");
  for (const { weekday, period, lessons, ...first } of alternatives) {
    const { from, to } = spanOf(first, zone);
    const way = child(ways, "button", "quiet");
    way.type = "button";
    say(child(way, "span"), "clash.alternative", { day: weekdayName(weekday, "short"), period, lessons, from, to });
    way.addEventListener("click", () => onChoice(weekday, period));
  }
}

// Why one lesson cannot be: what is in its way, else what kind of problem it is.
export function tellReason(place, { code, detail, problem }, zone) {
  const [clash] = bySeries(problem.clashes ?? [], zone);
  const [apart] = problem.bells_apart ?? [];
  if (clash) sayClash(place, clash);
  else if (apart) say(place, "clash.bells", { name: apart.name, ...spanOf(apart, zone) });
  else if (hasText(`fault.${code}`)) say(place, `fault.${code}`);
  else say(place, "fault.refused", { detail });
}

function sayClash(place, { title, from, to, days, what }) {
  const taken = () => what.map(({ resource, name }) => text(`clash.${resource}`, { name })).join(text("list.comma"));
  const given = { title: () => titleOf({ title }), from: () => from, to: () => to, what: taken, day: () => daysOf(days) };
  say(place, "clash.lesson", given);
}

// One lesson in the way may hold the teacher, the room and the sites at once, and do so every week: it is said once.
function bySeries(clashes, zone) {
  const series = new Map();
  for (const clash of clashes) {
    const [from, to] = [timeIn(clash.starts_at, zone)(), timeIn(clash.ends_at, zone)()];
    const key = [clash.title, from, to].join();
    const known = series.get(key) ?? { title: clash.title, from, to, days: new Set(), what: new Map(), count: 0 };
    known.days.add(dayIn(clash.starts_at, zone));
    known.what.set(clash.id, clash);
    known.count += 1;
    series.set(key, known);
  }
  return [...series.values()].map((each) => ({ ...each, days: [...each.days], what: [...each.what.values()] }));
}

function daysOf(days) {
  const first = days.slice(0, MOST_DAYS).map((day) => longDay(day)()).join(text("list.comma"));
  return days.length > MOST_DAYS ? text("clash.days", { first, count: days.length - MOST_DAYS }) : first;
}

function spanOf({ starts_at: starts, ends_at: ends }, zone) {
  return { day: longDay(dayIn(starts, zone)), from: timeIn(starts, zone), to: timeIn(ends, zone) };
}

const dayIn = (moment, zone) => todayIn(zone, new Date(moment));
