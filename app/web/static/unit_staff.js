// Who works at a unit, in which role, from when to when; roles given and ended, and new people admitted.

import { ask, get, getAll } from "./api.js";
import { MOST_FOUND } from "./choices.js";
import { longDate, todayIn } from "./dates.js";
import { button, field, form, input, openPanel, prepare, select } from "./form.js";
import { say } from "./i18n.js";
import { byId, child } from "./page.js";
import { PersonChoice } from "./persons.js";
import { refill, table } from "./unit_parts.js";
import { isBureau, ROLES } from "./units.js";

const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"; // what can be read out without mistakes
let today = null;

// Only those who look after a unit see its people.
export async function showStaff(given) {
  const { unit, mine, me } = given;
  byId("staff").hidden = !mine || !ROLES[unit.kind].length;
  if (byId("staff").hidden) return;
  today ??= todayIn((await get(`/api/v1/org-units/${me.county_id}`)).time_zone);
  const query = new URLSearchParams({ org_unit_id: unit.id, sort: "name" });
  if (unit.kind === "county") query.set("role", "bureau_admin"); // the list has everybody below, too
  const people = await getAll(`/api/v1/people?${query}`);
  const held = people.flatMap((person) => person.assignments.filter((duty) => duty.org_unit_id === unit.id).map((duty) => ({ person, duty })));
  const body = refill("staff");
  if (held.length) {
    const rows = table(body, "staff.person", "staff.role", "staff.days", "");
    for (const each of held.sort(byDays)) line(rows, each, given);
  } else say(child(body, "p", "hint"), "staff.none");
  if (unit.closed_from) return;
  const ways = child(body, "div", "ways");
  button(ways, "staff.admit", () => admit(given));
  button(ways, "staff.give", () => give(given));
}

const isOver = ({ valid_to: last }) => last !== null && last < today;
const byDays = (one, other) => isOver(one.duty) - isOver(other.duty) || one.person.name.localeCompare(other.person.name, "zh", { numeric: true });

// The bureau gives every role, a school's admin those of teachers and assistants.
const roles = ({ unit, me }) => ROLES[unit.kind].filter((role) => isBureau(me) || role !== "school_admin");

function line(rows, { person, duty }, given) {
  const row = child(rows, "tr", isOver(duty) || !person.active ? "past" : "");
  const head = child(row, "th");
  head.scope = "row";
  child(head, "span").textContent = person.name;
  if (!person.active) say(child(head, "span", "badge"), "people.closed");
  say(child(row, "td"), `role.${duty.role}`);
  const days = { from: longDate(duty.valid_from), to: duty.valid_to && longDate(duty.valid_to) };
  say(child(row, "td"), duty.valid_to ? "staff.days.both" : "staff.days.from", days);
  const ways = child(row, "td");
  const mayEnd = roles(given).includes(duty.role) && duty.source === "local" && !isOver(duty);
  if (mayEnd && person.id !== given.me.id) button(ways, "staff.end", () => end(person, duty, given));
}

function end(person, duty, { changed }) {
  const parts = form(openPanel("staff.end.of", { name: person.name }), "staff.end", async () => {
    await ask("POST", `/api/v1/assignments/${duty.id}/end`, { last_day: last.value || null });
    await changed("staff.ended", { name: person.name });
  });
  say(child(parts.fields, "p", "hint"), "staff.end.hint");
  const last = field(parts.fields, "staff.last_day", input("date", "", { min: today }));
  last.focus();
}

// The role and its days, for a person who is here or will be.
function dutyFields(place, given) {
  const items = roles(given).map((id) => ({ id, key: `role.${id}` }));
  const role = field(place, "staff.role", select(items));
  const from = field(place, "staff.from", input("date", today));
  const to = field(place, "staff.to", input("date", ""));
  return () => ({ role: role.value, org_unit_id: given.unit.id, valid_from: from.value || null, valid_to: to.value || null });
}

async function give(given) {
  const parts = form(openPanel("staff.give.at", { name: given.unit.name }), "staff.give.go", async () => {
    const who = people.control;
    if (!who.value) throw { words: "staff.nobody" };
    await ask("POST", `/api/v1/people/${who.value}/assignments`, duty());
    await given.changed("staff.given", { name: who.selectedOptions[0].textContent });
  });
  parts.go.disabled = true; // nothing can be sent before there is somebody to choose
  const load = async (name) => {
    const query = new URLSearchParams({ active: true, sort: "name", limit: MOST_FOUND, ...(name ? { name } : {}) });
    return (await get(`/api/v1/people?${query}`)).items.filter(({ id }) => id !== given.me.id);
  };
  const draw = (found) => found.map(({ id, name, login }) => new Option(`${name} (${login})`, id));
  const people = new PersonChoice(parts.fields, "staff.person", { load, draw });
  const duty = dutyFields(parts.fields, given);
  people.control.focus();
  if (await prepare(parts.fields, () => people.show(), () => give(given))) parts.go.disabled = false;
}

function admit(given) {
  const parts = form(openPanel("staff.admit.at", { name: given.unit.name }), "staff.admit.go", async () => {
    if (!name.value.trim()) throw { words: "unit.no_name" };
    if (!login.value.trim()) throw { words: "signin.empty" };
    const password = newPassword();
    const body = { name: name.value.trim(), login: login.value.trim(), password, assignments: [duty()] };
    await ask("POST", "/api/v1/people", body);
    await given.changed("staff.admitted", { name: body.name });
    tell(body);
  });
  const name = field(parts.fields, "staff.name", input("text", "", { maxLength: 200, autocomplete: "off" }));
  const login = field(parts.fields, "staff.login", input("text", "", { maxLength: 64, autocomplete: "off", spellcheck: false }));
  const duty = dutyFields(parts.fields, given);
  name.focus();
}

// Shown this once: the page forgets it when the dialog is closed.
function tell({ name, login, password }) {
  const body = openPanel("people.secret", { name });
  say(child(body, "p"), "staff.login.is", { login });
  child(child(body, "p"), "output", "secret").textContent = password;
  say(child(body, "p"), "people.secret.hint");
  byId("panel").addEventListener("close", () => body.replaceChildren(), { once: true });
}

function newPassword() {
  const letters = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => ALPHABET[byte % ALPHABET.length]);
  return letters.join("").replace(/(.{4})(?=.)/g, "$1-");
}
