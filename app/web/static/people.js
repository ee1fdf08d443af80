// The people an administrator looks after: a new password for whoever forgot theirs, accounts closed and opened.

import { get, post } from "./api.js";
import { tellFault } from "./fault.js";
import { isSignedIn, whoIsHere } from "./frame.js";
import { say, text } from "./i18n.js";
import { byId, child } from "./page.js";

const PAGE = 50;
let next = null;

byId("more").addEventListener("click", () => attempt(load));
if (isSignedIn) attempt(() => Promise.all([whoIsHere(), load()]));

async function load() {
  const query = new URLSearchParams({ limit: PAGE });
  if (next) query.set("after", next);
  const page = await get(`/api/v1/people?${query}`);
  next = page.next;
  byId("empty").hidden = true;
  byId("more").hidden = !next;
  byId("people").append(...page.items.map((person) => row(person)));
}

function row(person) {
  const item = document.createElement("li");
  item.className = `lesson-row person ${person.active ? "" : "past"}`;
  const who = child(item, "div");
  child(who, "h2", "row-title").textContent = person.name;
  child(who, "p", "row-who").textContent = person.login;
  const roles = child(who, "p", "row-state");
  if (!person.active) say(roles, "people.closed");
  else sayRoles(roles, person);
  const ways = child(item, "div", "row-ways");
  if (person.active) button(ways, "reset", person, () => reset(person));
  const change = person.active ? "close" : "open";
  button(ways, change, person, () => turn(person, change, item));
  return item;
}

function sayRoles(element, { assignments }) {
  const roles = [...new Set(assignments.map(({ role }) => role))];
  const words = () => roles.map((role) => text(`role.${role}`)).join(" · ");
  say(element, "people.roles", { roles: words });
}

function button(parent, act, { name }, carryOut) {
  const made = child(parent, "button", "button");
  made.type = "button";
  say(child(made, "span"), `people.${act}`);
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
  item.replaceWith(row(await post(`/api/v1/people/${person.id}/${change}`)));
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
