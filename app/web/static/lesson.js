// One lesson: what it is, and what may be done with it today.

import { get, getAll } from "./api.js";
import { CHANGES, openChange } from "./changing.js";
import { longDay, timeIn } from "./dates.js";
import { button, openPanel, prepare } from "./form.js";
import { holds } from "./frame.js";
import { remarks } from "./grid.js";
import { say } from "./i18n.js";
import { child } from "./page.js";
import { subjectName, titleOf } from "./subjects.js";

const OPEN = ["draft", "published", "preparing"];
const LOST = ["cancelled", "missed"];
const GONE = ["cancelled", "moved"];
const ON = ["preparing", "live", "interrupted"];

// given: me, zone, term, and `changed(key, values)`, to be called after something was done.
export async function openLesson(lesson, given) {
  const body = openPanel("lesson.title", { title: () => titleOf(lesson) });
  await prepare(body, () => show(body, lesson, given), () => openLesson(lesson, given));
}

async function show(body, lesson, given) {
  const instead = LOST.includes(lesson.state) ? await madeUpBy(lesson) : null;
  showFacts(body, lesson, given, instead);
  const ways = child(body, "div", "ways");
  if (ON.includes(lesson.state)) wayIn(ways, lesson);
  if (!(await mayChange(lesson, given.me))) return;
  const fits = (act) => (act === "make_up" ? LOST.includes(lesson.state) && !instead : OPEN.includes(lesson.state));
  const acts = Object.keys(CHANGES).filter(fits);
  for (const act of acts) button(ways, `change.${act}`, () => openChange(act, lesson, given));
}

// The lesson that makes up for a lost one; it comes from the same entry of the timetable.
async function madeUpBy({ id, entry_id: entry }) {
  if (!entry) return null;
  const found = await getAll(`/api/v1/lessons?entry_id=${encodeURIComponent(entry)}`);
  return found.find(({ makes_up_id: lost, state }) => lost === id && !GONE.includes(state)) ?? null;
}

function showFacts(body, lesson, { zone }, instead) {
  const marks = remarks(lesson);
  if (instead) marks.push(["state.made_up", { day: longDay(instead.date) }]);
  if (marks.length) {
    const line = child(body, "p", "marks");
    for (const [key, values] of marks) say(child(line, "span", "badge"), key, values);
  }
  const facts = child(body, "dl", "facts");
  const fact = (key, fill) => {
    say(child(facts, "dt"), key);
    fill(child(facts, "dd"));
  };
  const times = { day: longDay(lesson.date), number: lesson.period, from: timeIn(lesson.starts_at, zone), to: timeIn(lesson.ends_at, zone) };
  fact("lesson.when", (line) => say(line, "lesson.when.is", times));
  fact("lesson.subject", (line) => say(line, "lesson.title", { title: () => subjectName(lesson.subject) }));
  fact("role.teacher", (line) => (line.textContent = lesson.teacher.name));
  fact("timetable.by.room", (line) => (line.textContent = `${lesson.school.name} · ${lesson.main_room.name}`));
  const taking = lesson.sites.filter(({ state }) => state !== "cancelled" || !OPEN.includes(lesson.state));
  fact("teach.sites", (line) => {
    for (const site of taking) child(line, "span", "fact-line").textContent = site.name;
  });
  fact("lesson.mode", (line) => say(line, `mode.${lesson.mode}`));
}

function wayIn(ways, lesson) {
  const link = child(ways, "a", "button");
  link.href = `/site?lesson=${encodeURIComponent(lesson.id)}`;
  say(child(link, "span"), "today.watch");
}

// The bureau changes what it likes, a school's admin the lessons of the school; the server has the last word.
async function mayChange(lesson, me) {
  if (holds(me, "bureau_admin")) return true;
  const held = new Set(me.assignments.filter(({ role }) => role === "school_admin").map((duty) => duty.org_unit_id));
  for (let id = held.size ? lesson.school.id : null; id; ) {
    if (held.has(id)) return true;
    id = (await get(`/api/v1/org-units/${id}`)).parent_id;
  }
  return false;
}
