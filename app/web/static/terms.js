// The terms of the county, for its bureau: opened, changed, and taken back when opened by mistake.

import { ask, get, getAll, post } from "./api.js";
import { tellReason } from "./clashes.js";
import { longDate, longDay, weekdayName, weekOf } from "./dates.js";
import { tellFault } from "./fault.js";
import { button, closePanel, field, form, input, openPanel, prepare, select, ticks } from "./form.js";
import { say, text } from "./i18n.js";
import { byId, child } from "./page.js";
import { titleOf } from "./subjects.js";
import { askTakingOver, toBells } from "./taking_over.js";
import { proposedTerm } from "./term_days.js";

const TERMS = "/api/v1/terms";
const NONE = "";
const MOST = 8;
const pathOf = ({ id }) => `${TERMS}/${id}`;

let ways = null; // once made they stay: the keyboard comes back to them when a dialog is closed

// known: the page's terms, the one that is shown, and today. done(id, key, given): everything anew, and what was done.
export function showWays(known, done) {
  ways ??= makeWays({ known, done });
  const count = known.terms.length;
  say(ways.open.firstElementChild, count ? "term.open" : "term.open.first");
  ways.change.hidden = ways.remove.hidden = !count;
  ways.copy.hidden = count < 2;
  byId("term-ways").hidden = false;
}

function makeWays(given) {
  const place = byId("term-ways");
  return {
    open: button(place, "term.open", () => openTerm(given)),
    change: button(place, "term.change", () => change(given)),
    copy: button(place, "term.copy", () => askTakingOver(given)),
    remove: button(place, "term.remove", () => remove(given)),
  };
}

// --- opening --------------------------------------------------------------------------------------------------------

async function openTerm(given) {
  const { known, done } = given;
  const body = openPanel(known.terms.length ? "term.open" : "term.open.first");
  let schedules = [];
  const fill = async () => (schedules = await countyBells(known));
  if (!(await prepare(body, fill, () => openTerm(given)))) return;
  const parts = form(body, "term.open.go", () => save(), (failure) => explain(parts, failure, known, wanted()));
  const wanted = termFields(parts, proposedTerm(known.terms, known.today));
  const periods = bellsField(parts, schedules, wanted);

  async function save() {
    const { id, name } = await post(TERMS, { ...checked(wanted()), periods: periods() });
    closePanel();
    await done(id, "term.opened", { name });
  }
}

// The county's own, the newest first.
async function countyBells({ county }) {
  const found = await getAll(`/api/v1/bell-schedules?${new URLSearchParams({ unit_id: county })}`);
  return found.sort((one, other) => (one.valid_from > other.valid_from ? -1 : 1));
}

// Where the bells of the new term come from. Where the county has bells on its days already these stay, for there is
// one schedule a day.
function bellsField({ fields, whole }, schedules, wanted) {
  const items = schedules.map(({ id, name, valid_from: from, valid_to: to, periods }) => {
    return { id, key: "term.bells.of", given: { name, count: periods.length, from: longDate(from), to: longDate(to) } };
  });
  const control = field(fields, "term.bells", select([...items, { id: NONE, key: "term.bells.none" }]));
  const hint = child(fields, "p", "hint");
  const way = toBells(fields);
  const inForce = () => {
    const { first_day: first, last_day: last } = wanted();
    return schedules.find(({ valid_from: from, valid_to: to }) => from <= last && first <= to);
  };
  const show = () => {
    const found = inForce();
    control.parentElement.hidden = Boolean(found) || !schedules.length;
    way.hidden = !control.parentElement.hidden;
    if (found) say(hint, "term.bells.there", { name: found.name, from: longDate(found.valid_from), to: longDate(found.valid_to) });
    else say(hint, schedules.length ? "term.bells.hint" : "term.bells.later");
  };
  whole.addEventListener("change", show);
  show();
  return () => (inForce() ? [] : (schedules.find(({ id }) => id === control.value)?.periods ?? []));
}

// --- what a term has ------------------------------------------------------------------------------------------------

// Answers how to read the fields.
function termFields({ fields, whole }, term) {
  const name = field(fields, "term.name", input("text", term.name, { maxLength: 100, autocomplete: "off" }));
  const first = field(fields, "term.first", input("date", term.first_day));
  const last = field(fields, "term.last", input("date", term.last_day));
  const length = child(fields, "p", "hint");
  length.setAttribute("role", "status");
  const items = [1, 2, 3, 4, 5, 6, 7].map((id) => {
    return { id, key: "timetable.day.short", given: { day: weekdayName(id) }, checked: term.weekdays.includes(id) };
  });
  const weekdays = ticks(fields, "checkbox", "term.weekdays", items);
  weekdays.set.classList.add("weekdays");
  const show = () => {
    const weeks = first.value && last.value && first.value <= last.value ? weekOf(first.value, last.value) : 0;
    length.hidden = !weeks;
    say(length, "term.length", { weeks });
  };
  whole.addEventListener("change", show);
  show();
  name.focus();
  return () => ({
    name: name.value.trim(),
    first_day: first.value,
    last_day: last.value,
    weekdays: weekdays.chosen().map(Number),
  });
}

function checked(wanted) {
  if (!wanted.name) throw { words: "term.no_name" };
  if (!wanted.first_day || !wanted.last_day) throw { words: "term.no_days" };
  if (wanted.last_day < wanted.first_day) throw { words: "fault.days.reversed" };
  if (!wanted.weekdays.length) throw { words: "term.no_weekdays" };
  return wanted;
}

const inWords = ({ name, first_day: first, last_day: last, weekdays }) => ({
  name,
  from: longDate(first),
  to: longDate(last),
  days: () => weekdays.map((day) => weekdayName(day, "short")()).join(text("list.comma")),
});

// Refusals that name what is in the way, or lead there.
function explain(parts, { code }, known, wanted, own = null) {
  if (code === "term.overlap") {
    const meets = ({ id, first_day: first, last_day: last }) => id !== own?.id && first <= wanted.last_day && wanted.first_day <= last;
    const other = known.terms.find(meets);
    if (!other) return false;
    say(parts.fault, "term.overlap.with", inWords(other));
    parts.fault.hidden = false;
    return true;
  }
  if (code === "term.still_planned") {
    const way = child(child(parts.findings, "p"), "a", "button");
    way.href = `/timetable?${new URLSearchParams({ term: own.id })}`;
    say(way, "term.to_timetable");
  }
  return false;
}

// --- changing, taking back ------------------------------------------------------------------------------------------

function change({ known, done }) {
  const term = known.term;
  let version = term.version;
  let foreseen = null; // the days of which was told what they mean
  const parts = form(openPanel("term.change.of", { name: term.name }), "calendar.save", () => save(), (failure) => refused(failure));
  const wanted = termFields(parts, term);
  const timetable = ticks(parts.fields, "checkbox", "term.timetable", [{ id: "follow", key: "term.follow", checked: true }]);
  say(child(parts.fields, "p", "hint"), "term.change.hint");

  async function save() {
    const now = changed(checked(wanted()));
    const follows = timetable.chosen().length && (now.first_day || now.last_day);
    if (follows && (await isNews(now))) return;
    await ask("PATCH", pathOf(term) + (follows ? "?lessons=follow" : ""), now, version);
    closePanel();
    await done(term.id, "term.changed", { name: wanted().name });
  }

  // What becomes of the timetable is told before it is done.
  async function isNews(now) {
    const days = JSON.stringify([now.first_day, now.last_day]);
    if (foreseen === days) return false;
    const effects = await post(`${pathOf(term)}/effects`, now);
    foreseen = days;
    const isTold = tellFollowing(parts.findings, effects, known.zone);
    if (isTold) parts.go.scrollIntoView({ block: "nearest" });
    return isTold;
  }

  // Only what is not as it was when it was opened here: what others changed meanwhile stays.
  function changed(now) {
    const differs = ([name, value]) => String(value) !== String(term[name]);
    return Object.fromEntries(Object.entries(now).filter(differs));
  }

  async function refused(failure) {
    if (failure.status !== 412) return explain(parts, failure, known, wanted(), term);
    version = await newest(parts, term, version);
    return true;
  }
}

// Answers whether there was anything to tell.
function tellFollowing(place, effects, zone) {
  const { entries_extended: on, entries_ended: ended, added, cancelled, unplanned, total_unplanned: count } = effects;
  if (!on && !ended && !cancelled && !count) return false;
  if (on) say(child(place, "p", "finding-sum free-slot"), "term.follow.on", { count: on, lessons: added });
  if (ended || cancelled) say(child(place, "p", "finding-sum"), "term.follow.ended", { count: ended, lessons: cancelled });
  if (count) say(child(place, "p", "finding-sum"), "term.follow.left", { count });
  const list = count ? child(place, "ul", "finding-list") : null;
  for (const { date, period, title, code, detail, problem } of unplanned.slice(0, MOST)) {
    const line = child(list, "li");
    say(child(line, "span"), "change.what", { title: () => titleOf({ title }), day: longDay(date), number: period });
    tellReason(child(line, "span", "reason"), { code, detail, problem }, zone);
  }
  if (count > MOST) say(child(list, "li"), "clash.more", { count: count - MOST });
  say(child(place, "p"), "term.follow.again");
  return true;
}

// Somebody else was faster: what is stored now is shown beside what was typed, and changed by the next press only.
// Answers the version that was shown.
async function newest(parts, term, version) {
  try {
    const now = await get(pathOf(term));
    say(child(parts.findings, "p", "finding-sum"), "term.stale");
    say(child(parts.findings, "p"), "term.stale.now", inWords(now));
    return now.version;
  } catch (failure) {
    tellFault(parts.fault, failure);
    return version;
  }
}

function remove({ known, done }) {
  const term = known.term;
  let version = term.version;
  const parts = form(openPanel("term.remove.of", { name: term.name }), "term.remove.go", () => take(), (failure) => refused(failure));
  say(child(parts.fields, "p"), "term.remove.what", inWords(term));
  say(child(parts.fields, "p", "hint"), "term.remove.hint");
  parts.go.focus();

  async function take() {
    await ask("DELETE", pathOf(term), undefined, version);
    closePanel();
    await done(null, "term.removed", { name: term.name });
  }

  async function refused(failure) {
    if (failure.code === "term.in_use") button(parts.findings, "term.change", () => change({ known, done }), "quiet");
    if (failure.status !== 412) return false;
    version = await newest(parts, term, version);
    return true;
  }
}
