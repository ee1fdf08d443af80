// The school calendar of a term: which days have lessons, whose timetable they follow, and public holidays to confirm.

import { ask, get, getAll, post } from "./api.js";
import { wireArrows } from "./arrows.js";
import { tellReason } from "./clashes.js";
import { longDay, shortDay, todayIn, weekdayName, weekdayOf } from "./dates.js";
import { tellFault } from "./fault.js";
import { button, closePanel, field, form, input, openPanel, select, ticks } from "./form.js";
import { begin, holds, whoIsHere } from "./frame.js";
import { label, language, say, text } from "./i18n.js";
import { byId, child, goOnFrom } from "./page.js";
import { loadSubjects, titleOf } from "./subjects.js";
import { showWays } from "./terms.js";

const DAYS = "/api/v1/calendar-days";
const KINDS = ["usual", "holiday", "make_up_day", "school_day"];
const MOST = 8;
const known = { terms: [], term: null, county: null, zone: "UTC", today: "", maySet: false, days: [] };
let asked = 0;
let foreseen = 0;

byId("term").addEventListener("change", () => attempt(() => show(byId("term").value)));
wireArrows(byId("year"));
byId("year").addEventListener("focusin", (event) => {
  for (const other of byId("year").querySelectorAll("button[tabindex='0']")) other.tabIndex = -1;
  if (event.target.matches("button")) event.target.tabIndex = 0;
});
begin(open, byId("news"));

async function open() {
  const me = await whoIsHere();
  const [county] = await Promise.all([get(`/api/v1/org-units/${me.county_id}`), loadSubjects()]);
  Object.assign(known, { county: county.id, maySet: holds(me, "bureau_admin"), zone: county.time_zone ?? "UTC" });
  known.today = todayIn(known.zone);
  await showTerms();
}

// The terms as they are now, and the days of one of them: of today's, unless another one is asked for.
async function showTerms(id = null) {
  const terms = await getAll("/api/v1/terms");
  known.terms = terms;
  byId("term").replaceChildren(...terms.map((term) => new Option(term.name, term.id)));
  byId("term-field").hidden = terms.length < 2;
  if (known.maySet) showWays(known, termDone);
  byId("days").hidden = !terms.length;
  if (!terms.length) return say(byId("news"), known.maySet ? "term.none.open" : "term.none");
  const current = terms.find(({ first_day: first, last_day: last }) => first <= known.today && known.today <= last);
  await show(terms.some((term) => term.id === id) ? id : (current ?? terms.at(-1)).id);
}

// After something was done with a term: everything as it is now, and what was done in words.
async function termDone(id, key, given) {
  await attempt(() => showTerms(id));
  say(byId("news"), key, given);
  goOnFrom(byId("term-ways").querySelector("button"));
}

async function show(id) {
  const mine = ++asked;
  byId("term").value = id;
  known.term = known.terms.find((term) => term.id === id); // what can be done with a term need not wait for its days
  say(byId("news"), "calendar.loading");
  const [calendar, proposed] = await Promise.all([get(`/api/v1/terms/${id}/calendar`), known.maySet ? proposals(id) : []]);
  if (mine !== asked) return; // somebody has chosen another term meanwhile
  Object.assign(known, { days: calendar.days, version: calendar.version });
  fillYear();
  fillSpecial();
  fillProposals(proposed);
  const taught = known.days.filter(({ weekday_taught: day }) => day !== null).length;
  const { first_day: from, last_day: to, weeks } = known.term;
  say(byId("news"), "calendar.count", { from: longDay(from), to: longDay(to), weeks, taught });
  byId("keys").hidden = !known.maySet;
}

async function proposals(id) {
  return (await get(`/api/v1/terms/${id}/public-holidays?language=${language()}`)).days;
}

// --- the days of the term -------------------------------------------------------------------------------------------

function fillYear() {
  const table = byId("year");
  const head = document.createElement("thead");
  const heads = child(head, "tr");
  say(column(heads), "timetable.week");
  for (let day = 1; day <= 7; day++) say(column(heads), "timetable.day.short", { day: weekdayName(day, "short") });
  const body = document.createElement("tbody");
  for (const days of byWeek(known.days)) body.append(weekRow(days));
  table.replaceChildren(table.caption, head, body);
  table.hidden = false;
  say(byId("caption"), "calendar.caption", { term: known.term.name });
  const first = table.querySelector("[aria-current] button") ?? table.querySelector("td button");
  if (first) first.tabIndex = 0;
}

function column(row) {
  const head = child(row, "th");
  head.scope = "col";
  return head;
}

function byWeek(days) {
  const weeks = new Map();
  for (const day of days) weeks.set(day.week, [...(weeks.get(day.week) ?? []), day]);
  return weeks.values();
}

function weekRow(days) {
  const row = document.createElement("tr");
  const head = child(row, "th");
  head.scope = "row";
  say(head, "calendar.week", { week: days[0].week });
  for (let weekday = 1; weekday <= 7; weekday++) {
    const cell = child(row, "td");
    const day = days.find(({ date }) => weekdayOf(date) === weekday);
    if (day) fillDay(cell, day);
  }
  return row;
}

function fillDay(cell, day) {
  const { date, special } = day;
  cell.className = day.weekday_taught === null ? "off" : "on";
  if (special) cell.classList.add(special.kind);
  if (date === known.today) cell.setAttribute("aria-current", "date");
  const place = child(cell, known.maySet ? "button" : "span", "day");
  if (date.endsWith("-01") || date === known.term.first_day) say(child(place, "span"), "calendar.date", { date: shortDay(date) });
  else child(place, "span").textContent = Number(date.slice(8));
  if (special) say(child(place, "span", "mark"), `calendar.mark.${special.kind}`, { day: weekdayName(day.weekday_taught ?? 1, "short") });
  if (special?.name) child(place, "span", "name").textContent = special.name;
  if (!known.maySet) return;
  place.type = "button";
  place.tabIndex = -1;
  place.dataset.date = date;
  label(place, "calendar.day", { day: longDay(date), what: () => whatItIs(day) });
  place.addEventListener("click", () => openDay(day));
}

// A day in words: "Holiday, National Day".
function whatItIs({ special, weekday_taught: taught }) {
  if (!special) return text(taught === null ? "calendar.is.off" : "calendar.is.on");
  const words = text(`calendar.is.${special.kind}`, { day: weekdayName(taught ?? 1) });
  return special.name ? `${words}, ${special.name}` : words;
}

function fillSpecial() {
  const special = known.days.filter(({ special: it }) => it);
  byId("none").hidden = special.length > 0;
  byId("special").replaceChildren();
  for (const day of special) {
    const line = child(byId("special"), "li");
    say(line, "calendar.day", { day: longDay(day.date), what: () => whatItIs(day) });
  }
}

// --- changing a day -------------------------------------------------------------------------------------------------

function openDay(day) {
  const { date, special } = day;
  const parts = form(openPanel("calendar.change", { day: longDay(date) }), "calendar.save", () => save(), (failure) => refused(parts, failure, change(), () => save(true)));
  const kind = special?.kind ?? "usual";
  const items = KINDS.map((id) => ({ id, key: `calendar.kind.${id}`, given: { day: weekdayName(weekdayOf(date)) }, checked: id === kind }));
  const chosen = ticks(parts.fields, "radio", "calendar.kind", items);
  const weekdays = known.term.weekdays.map((id) => ({ id, key: "timetable.day.short", given: { day: weekdayName(id) } }));
  const follows = field(parts.fields, "calendar.follows", select(weekdays, special?.follows_weekday ?? known.term.weekdays[0]));
  const name = field(parts.fields, "calendar.name", input("text", special?.name ?? "", { maxLength: 100, autocomplete: "off" }));
  const wanted = () => {
    const [kindChosen] = chosen.chosen();
    const follows_weekday = kindChosen === "make_up_day" ? Number(follows.value) : null;
    return { date, kind: kindChosen, follows_weekday, name: name.value.trim() || null };
  };
  const showFields = () => {
    const now = wanted().kind;
    follows.parentElement.hidden = now !== "make_up_day";
    name.parentElement.hidden = now === "usual";
  };
  const change = () => (wanted().kind === "usual" ? { unmark: [date] } : { days: [wanted()] });
  parts.whole.addEventListener("change", async () => {
    showFields();
    await foresee(parts, change());
  });
  showFields();

  async function save(follow = false) {
    const isAsItWas = wanted().kind === "usual" && !special;
    const unplanned = isAsItWas ? [] : (await mark(change(), follow)).lessons.unplanned;
    const comeBack = () => byId("year").querySelector(`[data-date="${date}"]`)?.focus();
    if (unplanned.length) tellUnplanned(unplanned, comeBack);
    else closePanel();
    await done("calendar.saved", { day: longDay(date) });
    comeBack();
  }
}

// Whether the effects are shown now: they are not when the wish has changed meanwhile, or would be refused.
async function foresee(parts, wanted) {
  const mine = ++foreseen;
  try {
    parts.fault.hidden = true;
    const effects = await post(`${DAYS}/effects`, wanted);
    if (mine !== foreseen) return false;
    showEffects(parts.findings, effects);
    return true;
  } catch (failure) {
    if (mine !== foreseen) return false;
    parts.findings.replaceChildren();
    tellFault(parts.fault, failure);
    return false;
  }
}

function mark(days, follow) {
  foreseen++; // what was asked before says nothing any more
  return ask("PUT", follow ? `${DAYS}?lessons=follow` : DAYS, days, known.version);
}

// Lessons stand in the way: whoever has read which ones, and which cannot be added, may let them follow, in a step of its
// own. `others` adds further ways out.
async function refused(parts, { code }, wanted, letFollow, others = () => {}) {
  if (code !== "calendar.lessons_planned") return false;
  if (!(await foresee(parts, wanted))) return true;
  button(parts.findings, "calendar.follow", async () => {
    try {
      await letFollow();
    } catch (failure) {
      tellFault(parts.fault, failure);
    }
  }, "quiet");
  others();
  parts.findings.scrollIntoView({ block: "nearest" });
  return true;
}

// What a change means: of the missing lessons, those that something is in the way of are named apart.
function showEffects(place, { falling, missing, unplanned }) {
  place.replaceChildren();
  if (!falling.length && !missing.length) return say(child(place, "p"), "calendar.effects.none");
  const stuck = new Set(unplanned.map(nameOf));
  listLessons(place, "calendar.effects.falling", falling);
  listLessons(place, "calendar.effects.missing", missing.filter((each) => !stuck.has(nameOf(each))));
  listLessons(place, "calendar.effects.unplanned", unplanned);
}

const nameOf = ({ entry_id: entry, date }) => `${entry} ${date}`;

function listLessons(place, key, lessons) {
  const count = lessons.length;
  if (!count) return;
  say(child(place, "p", "finding-sum"), key, { count });
  const list = child(place, "ul", "finding-list");
  for (const { date, period, title, code, detail, problem } of lessons.slice(0, MOST)) {
    const line = child(list, "li");
    say(child(line, "span"), "change.what", { title: () => titleOf({ title }), day: longDay(date), number: period });
    if (code) tellReason(child(line, "span", "reason"), { code, detail, problem }, known.zone);
  }
  if (count > MOST) say(child(list, "li"), "clash.more", { count: count - MOST });
}

// The calendar is changed, but not all of its lessons could be: they stay on the screen until somebody has read them.
function tellUnplanned(unplanned, closed) {
  const body = openPanel("calendar.unplanned");
  const told = child(body, "div", "findings");
  listLessons(told, "calendar.unplanned.sum", unplanned);
  say(child(told, "p"), "calendar.unplanned.hint");
  byId("panel").addEventListener("close", closed, { once: true });
  button(child(body, "div", "choices"), "panel.close", closePanel, "main-button").focus();
}

async function done(key, given) {
  await attempt(() => show(known.term.id));
  say(byId("news"), key, given);
}

// --- public holidays ------------------------------------------------------------------------------------------------

function fillProposals(proposed) {
  byId("proposals").hidden = !proposed.length;
  const body = byId("proposals-body");
  body.replaceChildren();
  if (!proposed.length) return;
  const chosenDays = () => proposed.filter(({ date }) => chosen.chosen().includes(date));
  const parts = form(body, "calendar.confirm", () => confirm(), holdBack);
  const items = proposed.map((day) => ({ id: day.date, checked: true, key: "calendar.day", given: { day: longDay(day.date), what: () => whatItIs({ special: day, weekday_taught: day.follows_weekday }) } }));
  const chosen = ticks(parts.fields, "checkbox", "calendar.proposals.which", items);

  async function confirm(follow = false) {
    if (!chosenDays().length) throw { words: "calendar.proposals.none" };
    const { days, lessons } = await mark({ days: chosenDays() }, follow);
    const showNews = () => byId("news").scrollIntoView({ block: "nearest" });
    if (lessons.unplanned.length) tellUnplanned(lessons.unplanned, showNews);
    await done("calendar.confirmed", { count: days.length });
    showNews();
  }

  // Days with lessons on them cannot be confirmed yet; the others can.
  function holdBack(failure) {
    const leave = () => button(parts.findings, "calendar.only_free", () => attempt(leaveOut), "quiet");
    return refused(parts, failure, { days: chosenDays() }, () => confirm(true), leave);
  }

  async function leaveOut() {
    const { falling, missing } = await post(`${DAYS}/effects`, { days: chosenDays() });
    const busy = new Set([...falling, ...missing].map(({ date }) => date));
    for (const box of chosen.set.querySelectorAll("input")) if (busy.has(box.value)) box.checked = false;
    parts.findings.replaceChildren();
    say(child(parts.findings, "p"), "calendar.left_out", { count: busy.size });
    parts.go.focus();
  }
}

async function attempt(act) {
  try {
    byId("fault").hidden = true;
    await act();
  } catch (failure) {
    tellFault(byId("fault"), failure);
  }
}
