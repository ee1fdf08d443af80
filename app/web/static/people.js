// The people an administrator looks after: a new password for whoever forgot theirs, accounts closed and opened.

import { ApiError, ask as change, get, post } from "./api.js";
import { todayIn } from "./dates.js";
import { tellFault } from "./fault.js";
import { begin, holds, whoIsHere } from "./frame.js";
import { say } from "./i18n.js";
import { showLetters } from "./letters.js";
import { byId, child, goOnFrom, wired } from "./page.js";
import { pageOf } from "./units.js";

const PAGE = 50;
const PAUSE = 300; // after the last letter, before the search begins
let next = null;
let asked = 0;
let timer = null;

byId("more").addEventListener("click", () => attempt(load));
byId("seek").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => attempt(anew), PAUSE);
});
byId("role").addEventListener("change", () => attempt(anew));
wired();
begin(() => Promise.all([open(), anew()]), byId("empty"));

async function open() {
  if (holds(await whoIsHere(), "bureau_admin")) await showLetters(attempt, find);
}

function find(name) {
  byId("seek").value = name;
  byId("role").value = "";
  byId("seek").focus();
  return attempt(anew);
}

function anew() {
  next = null;
  return load();
}

async function load() {
  const [mine, after] = [++asked, next];
  const wanted = { name: byId("seek").value.trim(), role: byId("role").value, after };
  const query = new URLSearchParams({ limit: PAGE, sort: "name" });
  for (const [name, value] of Object.entries(wanted)) if (value) query.set(name, value);
  const page = await get(`/api/v1/people?${query}`);
  if (mine !== asked) return; // something else is looked for meanwhile
  next = page.next;
  byId("more").hidden = !next;
  if (!after) byId("people").replaceChildren();
  byId("people").append(...page.items.map((person) => row(person)));
  byId("empty").hidden = byId("people").children.length > 0;
  const sought = byId("seek").value.trim();
  say(byId("empty"), sought ? "people.none.named" : "people.none", { sought });
}

function row(person) {
  const item = document.createElement("li");
  item.className = `lesson-row person ${person.active ? "" : "past"}`;
  const who = child(item, "div");
  child(who, "h2", "row-title").textContent = person.name;
  child(who, "p", "row-who").textContent = person.login;
  if (person.active) addDuties(child(who, "ul", "row-state duties"), person);
  else say(child(who, "p", "row-state"), "people.closed");
  const ways = child(item, "div", "row-ways");
  if (person.email) child(who, "p", "row-who").textContent = person.email;
  if (person.active) {
    plainButton(ways, "mail").addEventListener("click", () => enterMail(person, item));
    button(ways, "reset", person, () => reset(person));
  }
  const change = person.active ? "close" : "open";
  button(ways, change, person, () => turn(person, change, item));
  return item;
}

// Each role that is not over leads to where it is held.
function addDuties(list, { assignments }) {
  const today = todayIn(undefined); // to the day is good enough: it hides what is over
  for (const { role, org_unit_id: unit } of assignments.filter(({ valid_to: last }) => !last || last >= today)) {
    const way = child(child(list, "li"), "a");
    way.href = pageOf(unit);
    say(way, `role.${role}`);
  }
}

function plainButton(parent, act) {
  const made = child(parent, "button", "button");
  made.type = "button";
  say(child(made, "span"), `people.${act}`);
  return made;
}

// An address leads back into the account: a dialog that says so, and stays open while it is wrong.
function enterMail(person, item) {
  say(byId("mail-of"), "people.mail.of", { name: person.name });
  byId("mail-address").value = person.email ?? "";
  byId("mail-fault").hidden = true;
  byId("mail-no").onclick = () => byId("mailing").close();
  byId("mail-form").onsubmit = async (event) => {
    event.preventDefault();
    try {
      const email = byId("mail-address").value.trim() || null;
      const changed = row(await change("PATCH", `/api/v1/people/${person.id}`, { email }));
      byId("mailing").close();
      replace(item, changed);
    } catch (failure) {
      const wrong = failure instanceof ApiError && failure.status === 422;
      tellFault(byId("mail-fault"), wrong ? { words: "people.mail.wrong" } : failure);
    }
  };
  byId("mailing").showModal();
}

function button(parent, act, { name }, carryOut) {
  const made = plainButton(parent, act);
  made.addEventListener("click", () => ask(`people.${act}.ask`, name).then((sure) => sure && attempt(carryOut)));
}

async function reset({ id, name }) {
  const { password } = await post(`/api/v1/people/${id}/reset-password`);
  say(byId("tell"), "people.secret", { name });
  byId("secret").textContent = password;
  byId("telling").addEventListener("close", () => (byId("secret").textContent = ""), { once: true });
  byId("telling").showModal();
}

async function turn(person, change, item) {
  const changed = row(await post(`/api/v1/people/${person.id}/${change}`));
  replace(item, changed);
  if (change === "close") await tellPlanned(person, changed);
}

// Who leaves is out at once; lessons that are planned for them need somebody else.
async function tellPlanned({ id }, item) {
  const query = new URLSearchParams({ teacher_id: id, without_teacher: true, limit: 1 });
  const [first] = (await get(`/api/v1/lessons?${query}`)).items;
  if (!first) return;
  const told = child(item.firstElementChild, "p", "row-state");
  told.setAttribute("role", "status");
  const way = child(told, "a");
  way.href = `/timetable?${new URLSearchParams({ by: "teacher", id, term: first.term_id })}`;
  say(way, "people.planned", { day: first.date });
}

function replace(item, changed) {
  item.replaceWith(changed);
  goOnFrom(changed.querySelector("button"));
}

function ask(key, name) {
  const dialog = byId("asking");
  say(byId("ask"), key, { name });
  say(byId("ask-hint"), `${key}.hint`);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function attempt(act) {
  try {
    byId("fault").hidden = true;
    await act();
  } catch (failure) {
    byId("empty").hidden = true;
    tellFault(byId("fault"), failure);
  }
}
