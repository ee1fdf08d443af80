// Whom the lesson's teacher, or an administrator, invites into one lesson: links are made here, and taken back.

import { ApiError, get, post } from "./api.js";
import { tellFault } from "./fault.js";
import { begin, whoIsHere } from "./frame.js";
import { clock, day, say } from "./i18n.js";
import { byId, child, goOnFrom, wired } from "./page.js";
import { sayTitle } from "./subjects.js";

const FAULTS = { "lesson.not_found": "guests.no_lesson", "lesson.wrong_state": "guests.too_late" };

const lessonId = new URLSearchParams(location.search).get("lesson") ?? "";
let zone = null; // where the county is
const links = `/api/v1/lessons/${encodeURIComponent(lessonId)}/guest-links`;

byId("invite").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(invite);
});
byId("copy").addEventListener("click", copy);
byId("telling").addEventListener("close", () => {
  byId("secret").textContent = "";
  byId("name").focus();
});
wired();
begin(open, byId("lesson"));

async function open() {
  const { county_id: county } = await whoIsHere();
  if (!lessonId) return withoutLesson();
  const lesson = await get(`/api/v1/lessons/${encodeURIComponent(lessonId)}`).catch((failure) => {
    if (failure.status !== 404) throw failure;
  });
  if (!lesson) return withoutLesson();
  zone = (await get(`/api/v1/org-units/${county}`)).time_zone;
  const [from, to] = [new Date(lesson.starts_at), new Date(lesson.ends_at)];
  sayTitle(byId("lesson"), lesson, "guests.lesson", { day: day(from, zone), from: clock(from, zone), to: clock(to, zone) });
  await list();
}

// Nobody is invited into nothing: there is no form then.
function withoutLesson() {
  for (const section of document.querySelectorAll("main section")) section.hidden = true;
  byId("lesson").textContent = "";
  complain("guests.no_lesson");
}

async function invite() {
  const name = byId("name").value.trim();
  const uses = Number(byId("uses").value);
  if (!name) return complain("guests.name.empty", byId("name"));
  if (!(Number.isInteger(uses) && uses >= 1 && uses <= 50)) return complain("guests.uses.wrong", byId("uses"));
  const made = await post(links, { name, role: byId("role").value, uses });
  byId("name").value = "";
  await list();
  say(byId("tell"), "guests.made", { name });
  byId("secret").textContent = made.url;
  byId("copied").textContent = "";
  byId("telling").showModal();
}

// Where the browser does not let a page copy, the link is selected, so that a hand can.
async function copy() {
  try {
    await navigator.clipboard.writeText(byId("secret").textContent);
    say(byId("copied"), "guests.copied");
  } catch {
    getSelection().selectAllChildren(byId("secret"));
    say(byId("copied"), "guests.copy_by_hand");
  }
}

async function list() {
  const { items } = await get(links);
  byId("none").hidden = items.length > 0;
  byId("links").replaceChildren();
  for (const link of items) addRow(link);
}

function addRow(link) {
  const item = child(byId("links"), "li", "lesson-row person");
  const what = child(item, "div");
  child(what, "h3", "row-title").textContent = link.name;
  say(child(what, "p", "row-who"), `guests.role.${link.role}`);
  const until = new Date(link.expires_at);
  const good = !link.revoked_at && until > new Date() && link.used < link.uses;
  const state = link.revoked_at ? "guests.revoked" : good ? "guests.used" : "guests.over";
  say(child(what, "p", "row-state"), state, { used: link.used, uses: link.uses, until: clock(until, zone) });
  if (link.revoked_at || until <= new Date()) return item.classList.add("past");
  // A link that was used up is taken back too: whoever is in by it is out.
  const button = child(child(item, "div", "row-ways"), "button", "button danger");
  button.type = "button";
  say(child(button, "span"), "guests.revoke");
  button.addEventListener("click", () => attempt(() => takeBack(link)));
}

async function takeBack({ id }) {
  await post(`/api/v1/guest-links/${id}/revoke`);
  await list();
  byId("links-heading").scrollIntoView({ block: "nearest" });
  goOnFrom(byId("links-heading"));
}

async function attempt(act) {
  byId("fault").hidden = true;
  try {
    await act();
  } catch (failure) {
    const words = failure instanceof ApiError && FAULTS[failure.code];
    tellFault(byId("fault"), words ? { words } : failure);
    byId("fault").scrollIntoView({ block: "center" });
  }
}

function complain(key, field) {
  tellFault(byId("fault"), { words: key });
  (field ?? byId("fault")).focus();
}
