// A week as a table: a row for each period, a column for each day. Builds elements; asks nobody for anything.

import { longDay, shortDay, timeIn, weekdayName } from "./dates.js";
import { label, say, text } from "./i18n.js";
import { child } from "./page.js";
import { titleOf } from "./subjects.js";

const GONE = ["cancelled", "moved", "missed"];

// What is said of a lesson beside what it is: [key, given]s.
export function remarks(lesson) {
  const said = [];
  const reason = lesson.state_reason;
  if (lesson.state in STATES) {
    said.push(reason && GONE.includes(lesson.state) ? [`state.${lesson.state}.why`, { reason }] : [`state.${lesson.state}`]);
  }
  if (lesson.substitute_for) said.push(["state.substitute", { name: lesson.substitute_for.name }]);
  if (lesson.makes_up_id) said.push(["state.makes_up"]);
  else if (lesson.moved_from_id) said.push(["state.moved_here"]);
  return said;
}

const STATES = Object.fromEntries(
  ["draft", "preparing", "live", "interrupted", "ended", "archived", "cancelled", "moved", "missed"].map((state) => [state, true]),
);

// The days worth a column: those with lessons, or on which lessons are given at all.
export function columnsOf({ days, lessons }) {
  const busy = new Set(lessons.map(({ date }) => date));
  return days.filter(({ date, weekday_taught: taught }) => taught !== null || busy.has(date) || isWorkday(date));
}

const isWorkday = (date) => ![0, 6].includes(new Date(date).getUTCDay());

// week: the API's answer; periods: of the bells; special: names of days; today; zone; withRooms: where lessons come
// from is said; onLesson(lesson), onFree(day, period): what pressing does, where it does something.
export function fillTable(table, given) {
  const days = columnsOf(given.week);
  const head = document.createElement("thead");
  const row = child(head, "tr");
  say(child(child(row, "th"), "span", "for-ears"), "timetable.period.heading");
  row.firstChild.scope = "col";
  for (const [index, day] of days.entries()) row.append(dayHead(day, index, given));
  const body = document.createElement("tbody");
  for (const period of rowsOf(given)) body.append(periodRow(period, days, given));
  table.replaceChildren(table.caption, head, body);
}

function dayHead({ date, weekday_taught: taught }, index, { special, today, week }) {
  const busy = week.lessons.some((lesson) => lesson.date === date && !GONE.includes(lesson.state)); // one is made up for
  const head = document.createElement("th");
  head.scope = "col";
  head.dataset.day = index;
  if (date === today) head.setAttribute("aria-current", "date");
  say(child(head, "span", "day-name"), "timetable.day", { day: weekdayName(new Date(date).getUTCDay() || 7, "short"), date: shortDay(date) });
  const name = special.get(date)?.name ?? "";
  const follows = special.get(date)?.kind === "make_up_day";
  if (taught === null && !(busy && !name)) say(child(head, "span", "day-note"), name ? "timetable.holiday" : "timetable.no_school", { name });
  else if (follows) say(child(head, "span", "day-note"), "timetable.make_up", { day: weekdayName(taught) });
  return head;
}

// The periods of the bells, and those of lessons that go by others.
function rowsOf({ periods, week }) {
  const known = new Map(periods.map((period) => [period.number, period]));
  for (const { period } of week.lessons) if (!known.has(period)) known.set(period, { number: period });
  return [...known.values()].sort((one, other) => one.number - other.number);
}

function periodRow(period, days, given) {
  const row = document.createElement("tr");
  const head = child(row, "th");
  head.scope = "row";
  say(child(head, "span", "period-name"), "timetable.period", { number: period.number });
  if (period.starts_at) child(head, "span", "period-time").textContent = `${period.starts_at}–${period.ends_at}`;
  for (const [index, day] of days.entries()) {
    const cell = child(row, "td");
    cell.dataset.day = index;
    if (day.weekday_taught === null) cell.className = "none";
    const lessons = given.week.lessons.filter((each) => each.date === day.date && each.period === period.number);
    for (const lesson of lessons) cell.append(lessonButton(lesson, period, given));
    const isFree = lessons.every(({ state }) => GONE.includes(state));
    if (isFree && given.onFree && day.weekday_taught !== null && day.date >= given.today) {
      cell.append(freeButton(day, period, given));
    }
  }
  return row;
}

function lessonButton(lesson, period, { zone, withRooms, onLesson }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "lesson";
  button.dataset.state = lesson.state;
  button.dataset.lesson = lesson.id;
  say(child(button, "strong", "lesson-title"), "lesson.title", { title: () => titleOf(lesson) });
  const starts = timeIn(lesson.starts_at, zone);
  if (starts() !== period.starts_at) {
    say(child(button, "span", "lesson-line"), "today.time", { from: starts, to: timeIn(lesson.ends_at, zone) });
  }
  child(button, "span", "lesson-line").textContent = lesson.teacher.name;
  if (withRooms) child(button, "span", "lesson-line").textContent = lesson.school.name;
  const sites = lesson.sites.filter(({ state }) => state !== "cancelled" || GONE.includes(lesson.state));
  say(child(button, "span", "lesson-sites"), "timetable.sites", { sites: () => sites.map(({ name }) => name).join(text("list.comma")) });
  for (const [key, given] of remarks(lesson)) say(child(button, "span", "badge"), key, given);
  button.addEventListener("click", () => onLesson(lesson));
  return button;
}

// Reached by arrow keys and by touch; the tab key goes through lessons only, and planning has a button of its own.
function freeButton(day, period, { onFree }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "free";
  button.tabIndex = -1;
  button.textContent = "+";
  label(button, "timetable.plan_here", { day: longDay(day.date), number: period.number });
  button.addEventListener("click", () => onFree(day, period.number));
  return button;
}
