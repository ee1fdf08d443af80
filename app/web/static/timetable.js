// The timetable, week by week: of a main room, a site, a teacher or a pupil group.

import { get, getAll } from "./api.js";
import { wireArrows } from "./arrows.js";
import * as choices from "./choices.js";
import { addDays, mondayOfWeek, shortDay, todayIn, weekdayName, weekOf } from "./dates.js";
import { tellFault } from "./fault.js";
import { begin, holds, whoIsHere } from "./frame.js";
import { columnsOf, fillTable } from "./grid.js";
import { label, say } from "./i18n.js";
import { openLesson } from "./lesson.js";
import { sayNoTerm } from "./no_term.js";
import { byId, child, wired } from "./page.js";
import { openPlanning, openPublishing } from "./planning.js";
import { loadSubjects } from "./subjects.js";

const FIELDS = { room: "room_id", site: "site_id", teacher: "teacher_id", group: "pupil_group_id" };
const LISTS = { room: choices.mainRooms, site: choices.sites, teacher: findTeachers, group: findGroups };
const SOUGHT = { teacher: "people.seek", group: "timetable.find" };
const PAUSE = 300; // after the last key, before anybody is looked for

// What is looked at: it stands in the address, so that it can be kept, sent and printed.
const shown = { term: null, by: "room", whose: null, week: 1, day: null }; // the day of a narrow screen; null: today
const known = { me: null, terms: [], zone: "UTC", today: "", county: "", week: null, list: [], special: new Map(), subjects: [] };
let asked = 0;
let looked = 0;
let timer = null;

byId("by").addEventListener("change", () => {
  byId("find").value = "";
  attempt(() => changeList(byId("by").value));
});
byId("find").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => attempt(() => changeList(byId("by").value)), PAUSE);
});
byId("choose").addEventListener("submit", (event) => event.preventDefault());
byId("whose").addEventListener("change", () => show({ whose: byId("whose").value }));
byId("term").addEventListener("change", () => attempt(() => changeTerm(byId("term").value)));
byId("week").addEventListener("change", () => show({ week: Number(byId("week").value) }));
byId("before").addEventListener("click", () => show({ week: shown.week - 1 }));
byId("after").addEventListener("click", () => show({ week: shown.week + 1 }));
byId("now").addEventListener("click", () => show({ week: currentWeek(), day: null }));
byId("plan").addEventListener("click", () => plan({}));
byId("publish").addEventListener("click", () => publish());
byId("print").addEventListener("click", () => print());
wireArrows(byId("grid"));
wired();
begin(open, byId("news"));

async function open() {
  known.me = await whoIsHere();
  const county = get(`/api/v1/org-units/${known.me.county_id}`);
  const [terms, { time_zone: zone, name }, subjects] = await Promise.all([getAll("/api/v1/terms"), county, loadSubjects()]);
  Object.assign(known, { terms, subjects, zone: zone ?? "UTC", county: name });
  known.today = todayIn(known.zone);
  byId("plan").hidden = byId("publish").hidden = !plans();
  if (!terms.length) return sayNoTerm(byId("news"), known.me);
  const wanted = new URLSearchParams(location.search);
  const own = ownView();
  const by = wanted.get("by") in LISTS ? wanted.get("by") : own.by;
  fillTerms(wanted.get("term"));
  shown.week = Number(wanted.get("week")) || currentWeek();
  await Promise.all([loadSpecial(), changeList(by, wanted.get("id") ?? own.whose)]);
  for (const tools of document.querySelectorAll(".tools")) tools.inert = false;
}

// What somebody most likely comes for.
function ownView() {
  const { me } = known;
  const unit = (role) => me.assignments.find((duty) => duty.role === role)?.org_unit_id;
  if (holds(me, "bureau_admin")) return { by: "room" };
  if (holds(me, "teacher")) return { by: "teacher", whose: me.id };
  if (holds(me, "site_assistant")) return { by: "site", whose: unit("site_assistant") };
  return { by: "room", unit: unit("school_admin") };
}

function fillTerms(wanted) {
  const current = known.terms.find(({ first_day: first, last_day: last }) => first <= known.today && known.today <= last);
  shown.term = known.terms.find(({ id }) => id === wanted) ?? current ?? known.terms.at(-1);
  byId("term").replaceChildren(...known.terms.map(({ id, name }) => new Option(name, id, false, id === shown.term.id)));
  byId("term-field").hidden = known.terms.length < 2;
  fillWeeks();
}

function fillWeeks() {
  const { first_day: first, weeks } = shown.term;
  byId("week").replaceChildren();
  for (let week = 1; week <= weeks; week++) {
    const monday = mondayOfWeek(first, week);
    const option = child(byId("week"), "option");
    option.value = week;
    say(option, "timetable.week.option", { week, from: shortDay(monday), to: shortDay(addDays(monday, 6)) });
  }
}

const currentWeek = () => clamp(weekOf(shown.term.first_day, known.today));
const clamp = (week) => Math.min(Math.max(Math.trunc(week), 1), shown.term.weeks);

async function changeTerm(id) {
  fillTerms(id);
  await loadSpecial();
  show({ week: currentWeek(), day: null });
}

// Holidays and make-up days have names.
async function loadSpecial() {
  const { first_day: from, last_day: to } = shown.term;
  const days = await getAll(`/api/v1/calendar-days?from=${from}&to=${to}`);
  known.special = new Map(days.map((day) => [day.date, day]));
}

async function changeList(by, wanted = null) {
  byId("by").value = by;
  const isSought = by === "group" || (by === "teacher" && looksThrough());
  byId("find-field").hidden = !isSought;
  if (isSought) say(byId("find-field").querySelector("label"), SOUGHT[by]);
  const mine = ++looked;
  showWaiting();
  const list = await LISTS[by](known.me, wanted);
  if (mine !== looked) return; // somebody has chosen another list meanwhile
  known.list = list;
  shown.by = by;
  const own = known.list.find(({ unit }) => unit === ownView().unit);
  const chosen = known.list.find(({ id }) => id === wanted) ?? own ?? known.list[0];
  byId("whose").replaceChildren(...known.list.map(({ id, name }) => new Option(name, id, false, id === chosen?.id)));
  await load({ whose: chosen?.id ?? null });
}

// Those that are called so; before anything is looked for, one's own. The one that the address names is among them.
async function findGroups(me, wanted) {
  const name = byId("find").value.trim();
  const own = me.assignments.find(({ role }) => ["school_admin", "teacher", "site_assistant"].includes(role))?.org_unit_id;
  const unit = name || holds(me, "bureau_admin") ? null : own;
  return withWanted(await choices.groupsNamed(name, unit, known.today), wanted, choices.group);
}

const looksThrough = () => holds(known.me, "bureau_admin", "school_admin");

async function findTeachers(me, wanted) {
  return withWanted(await choices.teachersNamed(byId("find").value.trim(), me), wanted, choices.teacher);
}

async function withWanted(found, wanted, ask) {
  byId("find-more").hidden = found.length < choices.MOST_FOUND;
  say(byId("find-more"), "list.most", { most: choices.MOST_FOUND });
  if (!wanted || found.some(({ id }) => id === wanted)) return found;
  return [...found, await ask(wanted)];
}

function show(change) {
  return attempt(() => load(change));
}

async function load(change = {}) {
  Object.assign(shown, change);
  shown.week = clamp(shown.week);
  byId("week").value = shown.week;
  const steps = { before: shown.week <= 1, after: shown.week >= shown.term.weeks };
  for (const [id, isLast] of Object.entries(steps)) {
    if (isLast && document.activeElement === byId(id)) byId("week").focus();
    byId(id).disabled = isLast;
  }
  if (!shown.whose) return showNothing(byId("find").value.trim());
  const mine = ++asked;
  showWaiting();
  const { term, by, whose, week } = shown;
  const chosen = known.list.find(({ id }) => id === whose);
  const monday = mondayOfWeek(term.first_day, week);
  const day = monday < term.first_day ? term.first_day : monday;
  const answers = Promise.all([
    get(`/api/v1/timetable?${new URLSearchParams({ term_id: term.id, week, [FIELDS[by]]: whose })}`),
    choices.periods(chosen.unit, day),
  ]);
  await answers.catch((failure) => {
    if (mine === asked) throw failure;
  });
  if (mine !== asked) return; // somebody has stepped on meanwhile
  const [found, periods] = await answers;
  const query = new URLSearchParams({ term: term.id, by, id: whose, week });
  history.replaceState(null, "", `${location.pathname}?${query}`);
  render(found, periods, chosen);
}

// What stands there is another week's, or another room's, until the answer comes.
function showWaiting() {
  byId("grid").inert = byId("days").inert = true;
  byId("grid").setAttribute("aria-busy", "true");
  say(byId("news"), "timetable.loading");
}

function showNothing(sought) {
  byId("grid").hidden = byId("keys").hidden = true;
  byId("days").replaceChildren();
  say(byId("news"), sought ? "timetable.not_found" : "timetable.nobody", { sought });
}

function render(week, periods, chosen) {
  byId("grid").hidden = byId("keys").hidden = false;
  byId("grid").inert = byId("days").inert = false;
  byId("grid").removeAttribute("aria-busy");
  known.week = week;
  fillTable(byId("grid"), {
    week,
    periods,
    special: known.special,
    today: known.today,
    zone: known.zone,
    withRooms: shown.by !== "room",
    onLesson: (lesson) => openLesson(lesson, doing(`[data-lesson="${lesson.id}"]`)),
    onFree: plans() ? (day, period) => plan({ weekday: day.weekday_taught, period }) : null,
  });
  const monday = mondayOfWeek(shown.term.first_day, shown.week);
  const given = { name: chosen.name, week: shown.week, from: shortDay(monday), to: shortDay(addDays(monday, 6)) };
  say(byId("caption"), "timetable.caption", given);
  say(byId("paper-title"), "timetable.paper", { ...given, county: known.county, term: shown.term.name });
  const standing = week.lessons.filter(({ state }) => !["cancelled", "moved"].includes(state)).length;
  say(byId("news"), standing ? "timetable.count" : "timetable.empty", { count: standing });
  showDays(columnsOf(week));
}

const plans = () => holds(known.me, "bureau_admin");

function plan(start) {
  const { by, whose, week } = shown;
  const teacher = by === "teacher" ? known.list.find(({ id }) => id === whose) : null;
  return openPlanning({ by, whose, teacher, week, ...start }, doing());
}

function publish() {
  const drafts = new Set(known.week.lessons.filter(({ state }) => state === "draft").map(({ entry_id: id }) => id));
  const school = shown.by === "room" ? known.list.find(({ id }) => id === shown.whose)?.unit : null;
  openPublishing([...drafts], school, doing());
}

// What dialogs need to know. After something was done: the week as it is now, what was done in words, and the keyboard
// where it was.
function doing(focus = null) {
  const changed = async (key, values = {}) => {
    await show({});
    if (byId("fault").hidden) say(byId("news"), key, values);
    ((focus && byId("grid").querySelector(focus)) ?? byId(plans() ? "plan" : "content")).focus();
  };
  return { ...known, term: shown.term, changed };
}

// On a narrow screen one day at a time; the table stays one table.
function showDays(days) {
  const today = days.findIndex(({ date }) => date === known.today);
  shown.day ??= Math.max(today, 0);
  shown.day = Math.min(shown.day, days.length - 1);
  byId("days").replaceChildren(
    ...days.map(({ date }, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet";
      say(child(button, "span"), "timetable.day.short", { day: weekdayName(new Date(date).getUTCDay() || 7, "short") });
      label(button, "timetable.day", { day: weekdayName(new Date(date).getUTCDay() || 7), date: shortDay(date) });
      button.addEventListener("click", () => chooseDay(index));
      return button;
    }),
  );
  chooseDay(shown.day);
}

function chooseDay(day) {
  shown.day = day;
  for (const [index, button] of [...byId("days").children].entries()) button.setAttribute("aria-pressed", String(index === day));
  for (const cell of byId("grid").querySelectorAll("[data-day]")) cell.classList.toggle("off", Number(cell.dataset.day) !== day);
}

// What was asked for and does not come leaves nothing on the screen that is something else, and can be asked for again.
async function attempt(act) {
  byId("fault").hidden = byId("retry").hidden = true;
  try {
    await act();
  } catch (failure) {
    byId("news").textContent = "";
    byId("grid").hidden = byId("keys").hidden = true;
    byId("days").replaceChildren();
    tellFault(byId("fault"), failure);
    byId("retry").onclick = () => attempt(act);
    byId("retry").hidden = false;
  }
}
