// Lessons in a calendar elsewhere: secret addresses to subscribe to, made, listed and revoked.

import { ask, getAll, post } from "./api.js";
import { tellFault } from "./fault.js";
import { begin, holds, whoIsHere } from "./frame.js";
import { day, language, say } from "./i18n.js";
import { byId, child, goOnFrom, wired } from "./page.js";

const FEEDS = "/api/v1/calendar-feeds";
const FAULTS = { "feed.too_many": "feeds.too_many" };

let me = null;
const choices = { room: [], site: [] }; // what one looks after

byId("whose").addEventListener("change", showWhich);
byId("make").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(make);
});
byId("copy").addEventListener("click", copy);
byId("telling").addEventListener("cancel", (event) => event.preventDefault()); // what is shown once is not gone by a slip
byId("telling").addEventListener("close", () => {
  byId("secret").textContent = "";
  goOnFrom(byId("feeds-heading"));
});
begin(open, byId("news"));

async function open() {
  me = await whoIsHere();
  await Promise.all([holds(me, "bureau_admin", "school_admin") && loadPlaces(), list()]);
  wired();
}

async function loadPlaces() {
  const [units, rooms] = await Promise.all([getAll("/api/v1/org-units"), getAll("/api/v1/rooms")]);
  const byUnit = new Map(units.map((unit) => [unit.id, unit]));
  const mine = new Set(me.assignments.filter(({ role }) => role.endsWith("_admin")).map((held) => held.org_unit_id));
  const within = (id) => {
    for (let unit = byUnit.get(id); unit; unit = byUnit.get(unit.parent_id)) if (mine.has(unit.id)) return true;
    return false;
  };
  const byName = (one, other) => one.name.localeCompare(other.name, "zh", { numeric: true });
  const given = rooms.filter(({ kind, org_unit_id: unit }) => kind !== "recording" && within(unit));
  choices.room = given.map(({ id, name, org_unit_id: unit }) => ({ id, name: `${byUnit.get(unit).name} · ${name}` })).sort(byName);
  choices.site = units.filter(({ id, kind }) => ["school", "teaching_site"].includes(kind) && within(id)).sort(byName);
  const more = ["room", "site", ...(holds(me, "bureau_admin") ? ["county"] : [])];
  byId("whose").length = 1;
  for (const whose of more) {
    const option = child(byId("whose"), "option");
    option.value = whose;
    say(option, `feeds.${whose}`);
  }
  showWhich();
}

function showWhich() {
  const found = choices[byId("whose").value];
  byId("which-field").hidden = !found;
  if (!found) return;
  byId("which").replaceChildren();
  const none = child(byId("which"), "option");
  none.value = "";
  say(none, "feeds.which.none");
  byId("which").append(...found.map(({ id, name }) => new Option(name, id)));
}

async function make() {
  const whose = byId("whose").value;
  const subject = { person: me.id, county: me.county_id }[whose] ?? byId("which").value;
  if (!subject) {
    tellFault(byId("fault"), { words: "feeds.which.empty" });
    return byId("which").focus();
  }
  const { url } = await post(FEEDS, { whose, subject_id: subject, language: language() });
  byId("secret").textContent = url;
  byId("copied").textContent = "";
  byId("telling").showModal();
  await list();
}

// Where the browser does not let a page copy, the address is selected, so that a hand can.
async function copy() {
  try {
    await navigator.clipboard.writeText(byId("secret").textContent);
    say(byId("copied"), "feeds.copied");
  } catch {
    getSelection().selectAllChildren(byId("secret"));
    say(byId("copied"), "feeds.copy_by_hand");
  }
}

async function list() {
  const found = await getAll(`${FEEDS}?own=true`);
  byId("feeds").replaceChildren();
  for (const feed of found) addRow(feed);
  byId("news").textContent = "";
  delete byId("news").dataset.text;
  if (!found.length) say(byId("news"), "feeds.none");
}

function addRow(feed) {
  const item = child(byId("feeds"), "li", "lesson-row person");
  const what = child(item, "div");
  const isMine = feed.subject_id === me.id;
  const title = child(what, "h3", "row-title");
  if (isMine) say(title, "feeds.mine");
  else title.textContent = feed.name;
  if (feed.whose !== "person") say(child(what, "p", "row-who"), `feeds.${feed.whose}`);
  say(child(what, "p", "row-state"), "feeds.since", { day: day(new Date(feed.created_at)) });
  const button = child(child(item, "div", "row-ways"), "button", "button danger");
  button.type = "button";
  say(child(button, "span"), "feeds.revoke");
  button.addEventListener("click", () => attempt(() => revoke(feed)));
}

async function revoke({ id }) {
  await ask("DELETE", `${FEEDS}/${id}`);
  await list();
  say(byId("news"), "feeds.revoked");
  goOnFrom(byId("feeds-heading"));
}

async function attempt(act) {
  byId("fault").hidden = true;
  try {
    await act();
  } catch (failure) {
    const words = FAULTS[failure.code];
    tellFault(byId("fault"), words ? { words } : failure);
    byId("fault").scrollIntoView({ block: "center" });
  }
}
