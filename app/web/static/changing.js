// Changes on the day, of one lesson, of it and all that follow, or of all to come.
//
// The server tries each change as it tries a plan. What it refuses is shown with what is in the way, and an
// alternative is one press away; nothing is half done.

import { ask, get } from "./api.js";
import * as choices from "./choices.js";
import { isClash, showFindings } from "./clashes.js";
import { addDays, longDay, mondayOf, weekdayName, weekdayOf } from "./dates.js";
import { tellFault } from "./fault.js";
import { closePanel, field, form, input, openPanel, prepare, select, ticks } from "./form.js";
import { holds } from "./frame.js";
import { say, text } from "./i18n.js";
import { child } from "./page.js";
import { PersonChoice } from "./persons.js";
import { titleOf } from "./subjects.js";

const SCOPES = ["one", "following", "all"];

// Each fills a form and answers how to ask: `one()` for the lesson, `series(entry)` for the fields of its entry, and
// `take(weekday, period)`, which makes an alternative the new wish, and `lacks()`: the words for what is missing.
export const CHANGES = { cancel, move, substitute, rooms, sites, make_up: makeUp };

const at = (lesson, act) => `/api/v1/lessons/${lesson.id}/${act}`;
const standing = (lesson) => lesson.sites.filter(({ state }) => state !== "cancelled");

export async function openChange(act, lesson, given) {
  const body = openPanel(`change.${act}`);
  const times = { title: () => titleOf(lesson), day: longDay(lesson.date), number: lesson.period };
  say(child(body, "p", "hint"), "change.what", times);
  const parts = form(body, `change.${act}.go`, () => carryOut(), (failure) => explain(failure));
  const scope = mayChangeSeries(act, lesson, given.me) ? scopes(parts.fields, lesson) : () => "one";
  const inside = child(parts.fields, "div", "fields");
  const entry = `/api/v1/timetable-entries/${lesson.entry_id}`;
  let change = null;
  parts.go.disabled = true; // nothing can be sent before there is something to choose from
  const begin = async () => (change = await CHANGES[act](inside, lesson, given));
  if (!(await prepare(parts.fields, begin, () => openChange(act, lesson, given)))) return;
  parts.go.disabled = false;
  const showFor = () => change.scoped?.(scope() !== "one");
  parts.fields.addEventListener("change", ({ target }) => {
    showFor();
    if (target !== reason) foresee();
  });
  showFor();
  let asked = 0;
  const reason = field(parts.fields, act === "cancel" ? "change.reason.needed" : "change.reason", input("text", "", { maxLength: 200 }));
  parts.fields.querySelector("select, input")?.focus();

  async function carryOut() {
    asked++; // what would happen is of no interest any more
    const why = reason.value.trim();
    if (act === "cancel" && !why) {
      reason.focus();
      throw { words: "change.reason.missing" };
    }
    const lacks = scope() === "one" && change.lacks?.();
    if (lacks) throw { words: lacks };
    if (scope() === "one") {
      await ask("POST", at(lesson, change.act ?? act.replace("_", "-")), { ...change.one(), ...(why ? { reason: why } : {}) });
      closePanel();
      return given.changed(`change.${act}.done`, change.told?.());
    }
    if (act !== "cancel" && !Object.keys(await change.series(() => get(entry))).length) throw { words: "change.nothing" };
    const done = await series(why);
    closePanel();
    return given.changed("change.series.done", done);
  }

  async function series(why) {
    const query = seriesQuery();
    if (act === "cancel") return ask("DELETE", `${entry}?${query}&${new URLSearchParams({ reason: why })}`);
    return ask("PATCH", `${entry}?${query}`, { ...(await change.series(() => get(entry))), ...(why ? { reason: why } : {}) });
  }

  const seriesQuery = () => new URLSearchParams({ scope: scope(), ...(scope() === "following" ? { from: lesson.date } : {}) });

  // What a change of many lessons would do, before it is done: their number, or what is in the way.
  async function foresee() {
    const mine = ++asked;
    parts.fault.hidden = true;
    parts.findings.replaceChildren();
    if (scope() === "one") return;
    try {
      const wanted = act === "cancel" ? null : await change.series(() => get(entry));
      if (wanted && !Object.keys(wanted).length) return;
      const path = `${entry}/${wanted ? "effects" : "delete/effects"}?${seriesQuery()}`;
      const { total } = await ask("POST", path, wanted ?? undefined);
      if (mine === asked) say(child(parts.findings, "p", "finding-sum free-slot"), "change.foreseen", total);
    } catch (failure) {
      if (mine === asked && !explain(failure)) tellFault(parts.fault, failure);
    }
  }

  function explain(failure) {
    if (!isClash(failure)) return false;
    const isSeries = scope() !== "one";
    const take = change.take && ((weekday, period) => {
      change.take(weekday, period, isSeries);
      parts.whole.requestSubmit();
    });
    const here = ({ weekday, period }) => weekday === weekdayOf(lesson.date) && period === lesson.period;
    const alternatives = failure.problem.alternatives.filter((each) => !here(each)); // it is there already
    showFindings(parts.findings, { ...failure.problem, alternatives }, given.zone, take);
    parts.findings.scrollIntoView({ block: "nearest" });
    return true;
  }
}

// A lesson that was moved by itself, or makes up for another one, is no longer one of many.
function mayChangeSeries(act, lesson, me) {
  const isOneOfMany = lesson.entry_id && !lesson.moved_from_id && !lesson.makes_up_id;
  return isOneOfMany && act !== "make_up" && holds(me, "bureau_admin");
}

function scopes(fields) {
  const items = SCOPES.map((id) => ({ id, key: `change.scope.${id}`, checked: id === "one" }));
  const { chosen } = ticks(fields, "radio", "change.scope", items);
  return () => chosen()[0];
}

async function cancel() {
  return { one: () => ({}) };
}

async function move(fields, lesson, given) {
  return newTime(fields, lesson, given, lesson.date);
}

async function makeUp(fields, lesson, given) {
  const earliest = lesson.date > given.today ? lesson.date : given.today;
  const change = await newTime(fields, lesson, given, addDays(earliest, 1));
  return { ...change, told: () => ({ day: longDay(change.one().date) }) };
}

async function newTime(fields, lesson, { term }, proposed) {
  const [first, last] = [term.first_day, term.last_day];
  const date = field(fields, "change.date", input("date", proposed > last ? last : proposed, { min: first, max: last, required: true }));
  const weekdays = [1, 2, 3, 4, 5, 6, 7].map((id) => ({ id, key: "timetable.day.short", given: { day: weekdayName(id) } }));
  const weekday = field(fields, "plan.weekday", select(weekdays, weekdayOf(lesson.date)));
  const period = field(fields, "change.period", await periodChoice(lesson));
  return {
    lacks: () => !date.value && "change.date.missing",
    one: () => ({ date: date.value, period: Number(period.value) }),
    series: () => ({ weekday: Number(weekday.value), period: Number(period.value) }),
    scoped: (isSeries) => {
      date.parentElement.hidden = isSeries;
      weekday.parentElement.hidden = !isSeries;
    },
    take: (day, number, isSeries) => {
      if (isSeries) weekday.value = day;
      else date.value = addDays(mondayOf(date.value), day - 1);
      period.value = number;
    },
  };
}

async function periodChoice(lesson) {
  const found = await choices.periods(lesson.school.id, lesson.date);
  const known = found.length ? found : [{ number: lesson.period }];
  return select(known.map((each) => ({ id: each.number, ...periodWords(each) })), lesson.period);
}

export function periodWords({ number, starts_at: starts, ends_at: ends }) {
  if (!starts) return { key: "timetable.period", given: { number } };
  return { key: "timetable.period.times", given: { number, from: starts, to: ends } };
}

async function substitute(fields, lesson, { me }) {
  const school = lesson.school.id;
  let busy = new Set();
  const load = async (name) => {
    const found = name ? await choices.teachersNamed(name, me) : await choices.teachersAt(school);
    if (lesson.substitute_for) found.unshift({ ...lesson.substitute_for, unit: school }); // naming them ends it
    return unique(found).filter(({ id }) => id !== lesson.teacher.id);
  };
  const choice = new PersonChoice(fields, "change.teacher", { load, draw: (people) => teacherOptions(people, school, busy) });
  await choice.show();
  // A day's lessons take their time on a weak link; who teaches then is told as soon as it is known.
  choices.teachingWhile(lesson).then(
    (known) => {
      busy = known;
      return choice.show();
    },
    () => {}, // whoever is not free is refused, with the lesson that is in the way
  );
  const teacher_id = () => choice.control.value;
  const lacks = () => !teacher_id() && "plan.missing.teacher";
  return { lacks, one: () => ({ teacher_id: teacher_id() }), series: () => (teacher_id() ? { teacher_id: teacher_id() } : {}) };
}

export const unique = (people) => [...new Map(people.map((each) => [each.id, each])).values()];

// Teachers of the school first; those who are known to teach at the time last.
export function teacherOptions(teachers, school, busy = new Set()) {
  const free = teachers.filter(({ id }) => !busy.has(id));
  const parts = {
    "plan.teacher.own": free.filter(({ unit }) => unit === school),
    "plan.teacher.others": free.filter(({ unit }) => unit !== school),
    "plan.teacher.busy": teachers.filter(({ id }) => busy.has(id)),
  };
  const groups = Object.entries(parts).filter(([, some]) => some.length);
  return groups.map(([key, some]) => {
    const part = document.createElement("optgroup");
    part.label = text(key);
    for (const { id, name } of some) part.append(new Option(name, id));
    return part;
  });
}

async function rooms(fields, lesson) {
  const [mains, receiving] = await Promise.all([choices.mainRooms(), choices.receivingRooms()]);
  const main = field(fields, "timetable.by.room", select(mains, lesson.main_room.id));
  const swaps = standing(lesson).flatMap((site) => {
    const own = receiving.filter(({ unit }) => unit === site.site_id);
    if (own.length < 2) return [];
    const key = ["change.room_of", select(own, site.receiving_room_id), { name: site.name }];
    return [{ planned: site.receiving_room_id, control: field(fields, ...key) }];
  });
  const swapped = () => swaps.filter(({ planned, control }) => control.value !== planned);
  const changedMain = () => (main.value === lesson.main_room.id ? {} : { main_room_id: main.value });
  const one = () => {
    const receiving_rooms = swapped().map(({ planned, control }) => ({ planned_id: planned, instead_id: control.value }));
    return { ...changedMain(), receiving_rooms };
  };
  const series = async (entry) => {
    if (!swapped().length) return changedMain();
    const instead = new Map(swapped().map(({ planned, control }) => [planned, control.value]));
    const ids = (await entry()).sites.map((site) => instead.get(site.receiving_room_id) ?? site.receiving_room_id);
    return { ...changedMain(), receiving_room_ids: ids };
  };
  const lacks = () => main.value === lesson.main_room.id && !swapped().length && "change.nothing";
  return { one, series, lacks };
}

async function sites(fields, lesson) {
  const items = await pairedRooms(lesson.main_room.id, lesson.date, lesson.subject);
  const now = new Map(standing(lesson).map((site) => [site.receiving_room_id, site.site_id]));
  for (const site of standing(lesson)) {
    if (!items.some(({ id }) => id === site.receiving_room_id)) items.push({ id: site.receiving_room_id, name: site.name });
  }
  const { chosen } = ticks(fields, "checkbox", "change.sites.which", items.map((item) => ({ ...item, checked: now.has(item.id) })));
  const added = () => chosen().filter((id) => !now.has(id));
  const dropped = () => [...now.keys()].filter((id) => !chosen().includes(id));
  return {
    lacks: () => !added().length && !dropped().length && "change.nothing",
    one: () => ({ add_room_ids: added(), drop_site_ids: dropped().map((id) => now.get(id)) }),
    series: async (entry) => {
      const planned = (await entry()).sites.map((site) => site.receiving_room_id);
      return { receiving_room_ids: [...new Set([...planned.filter((id) => !dropped().includes(id)), ...added()])] };
    },
  };
}

// The receiving rooms that a main room may teach this subject on this day.
export async function pairedRooms(room, day, subject = "") {
  const [pairings, receiving] = await Promise.all([choices.pairingsOf(room, day), choices.receivingRooms()]);
  const fits = ({ subjects }) => !subject || !subjects.length || subjects.includes(subject);
  const ids = new Set(pairings.filter(fits).map(({ receiving_room_id: id }) => id));
  return receiving.filter(({ id }) => ids.has(id)).map(({ id, name, unit }) => ({ id, name, unit }));
}
