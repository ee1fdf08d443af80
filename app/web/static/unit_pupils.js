// The pupils of a school or site: heads by grade and term, and the groups they are taught in. Numbers, no names.

import { ask, get, getAll } from "./api.js";
import { todayIn } from "./dates.js";
import { button, field, form, input, openPanel, select, ticks } from "./form.js";
import { say } from "./i18n.js";
import { sayNoTerm } from "./no_term.js";
import { byId, child } from "./page.js";
import { askClosing, refill, reopening, table } from "./unit_parts.js";
import { notesOn } from "./units.js";

const GRADES = Array.from({ length: 12 }, (_, index) => index + 1);
const HAVE_PUPILS = ["school", "teaching_site"];
const pathOf = ({ id }) => `/api/v1/pupil-groups/${id}`;
let term = null;

// Heads are shown to those who look after the unit; groups to everybody who plans with them.
export async function showPupils(given) {
  const { unit, mine, me } = given;
  byId("pupils").hidden = !HAVE_PUPILS.includes(unit.kind);
  if (byId("pupils").hidden) return;
  const query = new URLSearchParams({ org_unit_id: unit.id });
  const [terms, groups] = await Promise.all([mine ? getAll("/api/v1/terms") : [], getAll(`/api/v1/pupil-groups?${query}`)]);
  term ??= await current(terms, me);
  const body = refill("pupils");
  if (term) await showHeads(child(body, "div", "fields"), terms, given);
  else if (mine) sayNoTerm(child(body, "p", "hint"), me);
  const byName = (one, other) => one.name.localeCompare(other.name, "zh", { numeric: true });
  const own = groups.filter(({ org_unit_id: id }) => id === unit.id).sort(byName);
  say(child(body, "h3"), "pupils.groups");
  if (own.length) {
    const rows = table(body, "pupils.group", "pupils.grades", "reports.pupils", ...(mine ? [null] : []));
    for (const group of own) showGroup(child(rows, "tr"), group, given);
  } else say(child(body, "p", "hint"), "pupils.groups.none");
  if (mine && !unit.closed_from) button(child(body, "div", "ways"), "pupils.group.add", () => addGroup(given));
}

function showGroup(row, group, given) {
  const { mine, attempt, changed } = given;
  const head = child(row, "th");
  head.scope = "row";
  child(head, "span").textContent = group.name;
  for (const [key, values] of notesOn(group)) say(child(head, "p", "badge"), key, values);
  const key = group.grades.length > 1 ? "pupils.combined" : "pupils.grade";
  say(child(row, "td"), key, { grades: group.grades.join("+") });
  child(row, "td").textContent = group.headcount;
  if (!mine) return;
  const ways = child(child(row, "td"), "div", "ways");
  button(ways, "unit.change", () => changeGroup(group, given));
  if (group.closed_from) button(ways, "unit.reopen", () => attempt(reopening(pathOf(group), group, changed)));
  else button(ways, "unit.close", () => askClosing(pathOf(group), group, "pupils.group.close.hint", changed));
}

// The term of today, else the next, else the last.
async function current(terms, { county_id: county }) {
  if (!terms.length) return null;
  const { time_zone: zone } = await get(`/api/v1/org-units/${county}`);
  const today = todayIn(zone);
  const sorted = [...terms].sort((one, other) => (one.first_day < other.first_day ? -1 : 1));
  return sorted.find(({ last_day: last }) => today <= last) ?? sorted.at(-1);
}

async function showHeads(place, terms, given) {
  const { unit, attempt } = given;
  place.replaceChildren();
  const heads = await get(`/api/v1/org-units/${unit.id}/headcounts?${new URLSearchParams({ term_id: term.id })}`);
  const items = terms.map(({ id, name }) => ({ id, name }));
  const choice = field(place, "timetable.term", select(items, term.id));
  choice.parentElement.hidden = terms.length < 2;
  choice.addEventListener("change", () =>
    attempt(() => {
      term = terms.find(({ id }) => id === choice.value);
      return showHeads(place, terms, given);
    }),
  );
  const rows = table(place, "pupils.grade.heading", "reports.pupils");
  for (const { grade, pupils } of heads.grades) {
    const row = child(rows, "tr");
    const head = child(row, "th");
    head.scope = "row";
    say(head, "reports.grade", { grade });
    child(row, "td").textContent = pupils;
  }
  say(child(place, "p"), heads.grades.length ? "pupils.sum" : "pupils.none", { count: heads.pupils });
  for (const { grades, pupils, in_groups: grouped } of heads.bands) {
    if (pupils === grouped) continue;
    say(child(place, "p", "fault"), "pupils.differ", { grades: grades.join("+"), pupils, grouped });
  }
  button(child(place, "div", "ways"), "pupils.change", () => change(heads, given));
}

function change(heads, { unit, changed }) {
  const parts = form(openPanel("pupils.change.of", { name: unit.name, term: term.name }), "unit.save", async () => {
    if (counts.some(({ box }) => !box.validity.valid)) throw { words: "pupils.wrong" };
    const grades = counts.filter(({ box }) => Number(box.value)).map(({ grade, box }) => ({ grade, pupils: Number(box.value) }));
    await ask("PUT", `/api/v1/org-units/${unit.id}/headcounts?${new URLSearchParams({ term_id: term.id })}`, { grades }, heads.version);
    await changed("unit.saved");
  });
  parts.fields.className = "numbers";
  const now = new Map(heads.grades.map(({ grade, pupils }) => [grade, pupils]));
  const counts = GRADES.map((grade) => {
    const box = input("number", now.get(grade) ?? "", { min: 0, max: 10_000, step: 1 });
    return { grade, box: field(parts.fields, "reports.grade", box, { grade }) };
  });
  counts[0].box.focus();
}

function changeGroup(group, { changed }) {
  const parts = form(openPanel("unit.change.of", { name: group.name }), "unit.save", async () => {
    await ask("PATCH", pathOf(group), wanted(), group.version);
    await changed("unit.saved");
  });
  const wanted = groupFields(parts.fields, group);
}

function addGroup({ unit, changed }) {
  const parts = form(openPanel("pupils.group.add.to", { name: unit.name }), "pupils.group.add", async () => {
    const { name } = await ask("POST", "/api/v1/pupil-groups", { org_unit_id: unit.id, ...wanted() });
    await changed("unit.added", { name });
  });
  const wanted = groupFields(parts.fields, { name: "", grades: [], headcount: "" });
}

// What is said of a group; answers how to read it.
function groupFields(place, group) {
  const name = field(place, "pupils.group.name", input("text", group.name, { maxLength: 100, autocomplete: "off" }));
  const items = GRADES.map((grade) => {
    return { id: grade, key: "reports.grade", given: { grade }, checked: group.grades.includes(grade) };
  });
  const { set, chosen } = ticks(place, "checkbox", "pupils.group.grades", items);
  set.classList.add("many");
  const heads = field(place, "reports.pupils", input("number", group.headcount, { min: 0, max: 10_000, step: 1 }));
  name.focus();
  return () => {
    const grades = chosen().map(Number);
    if (!name.value.trim()) throw { words: "unit.no_name" };
    if (!grades.length) throw { words: "pupils.no_grade" };
    if (!heads.value || !heads.validity.valid) throw { words: "pupils.wrong" };
    return { name: name.value.trim(), grades, headcount: Number(heads.value) };
  };
}
