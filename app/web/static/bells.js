// What rings at the county, a school or a site: the periods of a day and whose they are, and the schedules of the year.

import { changeBells, putInForce, takeBack } from "./bell_changes.js";
import { get, getAll } from "./api.js";
import { MOST_FOUND } from "./choices.js";
import { addDays, longDate, todayIn } from "./dates.js";
import { tellFault } from "./fault.js";
import { button, closePanel, panelFrom } from "./form.js";
import { begin, whoIsHere } from "./frame.js";
import { say } from "./i18n.js";
import { byId, child, goOnFrom } from "./page.js";
import { table } from "./unit_parts.js";
import { looksAfter, pageOf } from "./units.js";

const PAUSE = 300; // after the last key, before anything is looked for
const known = { me: null, county: null, today: "" };
let [asked, looked, timer] = [0, 0, null];

byId("seek").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => attempt(look), PAUSE);
});
byId("unit").addEventListener("change", () => attempt(show));
byId("day").addEventListener("change", () => byId("day").value && attempt(show));
begin(open, byId("news"));

async function open() {
  known.me = await whoIsHere();
  known.county = await get(`/api/v1/org-units/${known.me.county_id}`);
  known.today = todayIn(known.county.time_zone ?? "UTC");
  const wanted = new URLSearchParams(location.search);
  byId("day").value = wanted.get("day") ?? "";
  byId("day").value ||= known.today;
  const own = known.me.assignments.find(({ role }) => role === "school_admin")?.org_unit_id;
  const at = wanted.get("id") ?? own ?? known.county.id;
  const [unit, first] = await Promise.all([unitAt(at), unitsNamed("")]);
  fillUnits([known.county, unit ?? known.county, ...first], (unit ?? known.county).id);
  await show();
  byId("tools").inert = false;
}

// A unit that an address names may be gone, or somebody else's.
async function unitAt(id) {
  try {
    return await get(`/api/v1/org-units/${encodeURIComponent(id)}`);
  } catch (failure) {
    if (failure.status === 404) return null;
    throw failure;
  }
}

// --- choosing -------------------------------------------------------------------------------------------------------

async function unitsNamed(name) {
  const query = new URLSearchParams({ sort: "name", limit: MOST_FOUND, ...(name ? { name } : {}) });
  return (await get(`/api/v1/org-units?${query}`)).items;
}

function fillUnits(units, chosen) {
  const each = new Map(units.map(({ id, name }) => [id, name]));
  byId("unit").replaceChildren(...[...each].map(([id, name]) => new Option(name, id, false, id === chosen)));
}

// Those who are called so, the first of them shown at once.
async function look() {
  const [mine, name] = [++looked, byId("seek").value.trim()];
  const found = await unitsNamed(name);
  if (mine !== looked) return; // something else is looked for by now
  if (!found.length) return say(byId("news"), "bells.not_found", { sought: name });
  const chosen = byId("unit").value;
  const isThere = found.some(({ id }) => id === chosen);
  fillUnits(name ? found : [known.county, ...found], isThere ? chosen : (name ? found[0] : known.county).id);
  await show();
  if (found.length >= MOST_FOUND) say(byId("news"), "list.most", { most: MOST_FOUND });
}

// --- showing --------------------------------------------------------------------------------------------------------

async function show() {
  const [mine, id, day] = [++asked, byId("unit").value, byId("day").value];
  say(byId("news"), "bells.loading");
  const wanted = [chainOf(id), inForce(id, day), getAll(`/api/v1/bell-schedules?${new URLSearchParams({ unit_id: id })}`)];
  const [chain, now, own] = await Promise.all(wanted);
  if (mine !== asked) return; // another unit or day was chosen meanwhile
  const [unit] = chain;
  const given = { unit, now, own, day, mine: looksAfter(known.me, chain), today: known.today, zone: known.county.time_zone, changed };
  history.replaceState(null, "", `${location.pathname}?${new URLSearchParams({ id, day })}`);
  showNow(given, chain);
  showYear(given);
  byId("bells").hidden = false;
  say(byId("news"), "bells.ready", { unit: unit.name, count: now?.periods.length ?? 0, day: longDate(day) });
}

// A unit and all above it.
async function chainOf(id) {
  const unit = await get(`/api/v1/org-units/${id}`);
  return [unit, ...(unit.parent_id ? await chainOf(unit.parent_id) : [])];
}

async function inForce(id, day) {
  try {
    return await get(`/api/v1/org-units/${id}/bell-schedule?${new URLSearchParams({ on: day })}`);
  } catch (failure) {
    if (failure.code === "bells.none_in_force") return null;
    throw failure;
  }
}

function showNow({ unit, now, day }, chain) {
  const place = byId("now");
  place.replaceChildren();
  say(byId("now-heading"), "bells.now", { unit: unit.name, day: longDate(day) });
  if (now) fillNow(place, now, unit, chain);
  else say(child(place, "p", "hint"), "bells.none");
  const way = child(child(place, "div", "ways"), "a", "button");
  way.href = pageOf(unit.id);
  say(way, "bells.to_unit", { unit: unit.name });
}

function fillNow(place, now, unit, chain) {
  const whose = chain.find(({ id }) => id === now.org_unit_id);
  const given = { name: now.name, from: longDate(now.valid_from), to: longDate(now.valid_to), unit: whose.name };
  say(child(place, "p"), whose === unit ? "bells.whose.own" : "bells.whose.above", given);
  const body = table(place, "bells.number", "bells.from", "bells.to");
  body.parentElement.className = "rings";
  for (const { number, starts_at: from, ends_at: to } of now.periods) {
    const row = child(body, "tr");
    const head = child(row, "th");
    head.scope = "row";
    say(head, "bells.period", { number });
    child(row, "td").textContent = from;
    child(row, "td").textContent = to;
  }
}

function showYear(given) {
  const { unit, own, mine, now, day, today } = given;
  const place = byId("year");
  place.replaceChildren();
  say(byId("year-heading"), "bells.year", { unit: unit.name });
  if (!own.length) say(child(place, "p", "hint"), "bells.year.none");
  else fillYear(place, given);
  if (!mine) return;
  const from = day > today ? day : addDays(today, 1);
  const to = now && now.valid_to >= from ? now.valid_to : "";
  const proposal = { name: "", valid_from: from, valid_to: to, periods: now?.periods ?? [] };
  button(child(place, "div", "ways"), "bells.add", () => putInForce(given, proposal));
}

function fillYear(place, given) {
  const heads = ["bells.name", "bells.valid_from", "bells.valid_to"];
  const body = table(place, ...heads, ...(given.mine ? [null] : []));
  for (const schedule of given.own) {
    const row = child(body, "tr", schedule.valid_to < given.today ? "past" : "");
    const head = child(row, "th");
    head.scope = "row";
    head.textContent = schedule.name;
    for (const each of [schedule.valid_from, schedule.valid_to]) say(child(row, "td"), "bells.date", { day: longDate(each) });
    if (!given.mine) continue;
    const ways = child(child(row, "td"), "div", "ways");
    const named = (key, act) => button(ways, key, act).setAttribute("aria-describedby", head.id);
    head.id = `bells-${schedule.id}`;
    named("bells.change", () => changeBells(given, schedule));
    if (schedule.valid_from > given.today) named("bells.remove", () => takeBack(given, schedule));
  }
}

// After something was done: everything as it is now, and what was done in words.
async function changed(key, given) {
  closePanel();
  await attempt(show);
  say(byId("news"), key, given);
  goOnFrom(panelFrom()?.querySelector("h2") ?? byId("year-heading"));
}

async function attempt(act) {
  try {
    byId("fault").hidden = true;
    await act();
  } catch (failure) {
    byId("news").textContent = "";
    tellFault(byId("fault"), failure);
  }
}
