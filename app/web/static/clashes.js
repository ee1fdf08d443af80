// What is in the way of a plan, in words, and the free alternatives as buttons.

import { longDay, timeIn, todayIn, weekdayName } from "./dates.js";
import { say, text } from "./i18n.js";
import { child } from "./page.js";

const MOST = 8;

export const isClash = ({ code }) => code === "timetable.clash" || code === "timetable.bells_apart";

// found: what the dry run or the refusal says; onChoice(weekday, period): takes an alternative, where that is possible.
export function showFindings(place, found, zone, onChoice = null) {
  place.replaceChildren();
  const { clashes, total, bells_apart: apart, alternatives } = found;
  say(child(place, "p", "finding-sum"), "clash.sum", { count: total + apart.length });
  const list = child(place, "ul", "finding-list");
  let named = 0;
  for (const some of byLesson(clashes).slice(0, MOST)) {
    const what = () => some.map(({ resource, name }) => text(`clash.${resource}`, { name })).join(text("list.comma"));
    say(child(list, "li"), "clash.lesson", { title: some[0].title, what, ...spanOf(some[0], zone) });
    named += some.length;
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
  for (const { weekday, period, lessons } of alternatives) {
    const way = child(ways, "button", "quiet");
    way.type = "button";
    say(child(way, "span"), "clash.alternative", { day: weekdayName(weekday, "short"), period, lessons });
    way.addEventListener("click", () => onChoice(weekday, period));
  }
}

// One lesson in the way may hold the teacher, the room and the sites at once: it is said once.
function byLesson(clashes) {
  const lessons = new Map();
  for (const clash of clashes) lessons.set(clash.lesson_id, [...(lessons.get(clash.lesson_id) ?? []), clash]);
  return [...lessons.values()];
}

function spanOf({ starts_at: starts, ends_at: ends }, zone) {
  return { day: longDay(dayIn(starts, zone)), from: timeIn(starts, zone), to: timeIn(ends, zone) };
}

const dayIn = (moment, zone) => todayIn(zone, new Date(moment));
