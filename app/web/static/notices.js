// What one was told of changed lessons, the newest first, and how one wants to be told.

import { ask, get, getAll, post } from "./api.js";
import { weekOf } from "./dates.js";
import { tellFault } from "./fault.js";
import { begin, whoIsHere } from "./frame.js";
import { send } from "./http.js";
import { clock, day, language, say } from "./i18n.js";
import { byId, child, goOnFrom, wired } from "./page.js";
import { signInHeader } from "./session.js";
import { fillIn, showUnread } from "./unread.js";

const NOTICES = "/api/v1/me/notices";
const SETTINGS = `${NOTICES}/settings`;
const AT_ONCE = 10;
const MOST = 200;

const known = { me: null, terms: [], zone: "UTC" };
let shown = [];
let next = null;

byId("older").addEventListener("click", () => attempt(older));
byId("read-all").addEventListener("click", () => attempt(readAll));
byId("wish").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(save);
});
document.addEventListener("reworded", () => known.me && attempt(anew));
addEventListener("pageshow", ({ persisted }) => persisted && known.me && attempt(anew)); // come back to, as it was left
begin(open, byId("news"));

async function open() {
  known.me = await whoIsHere();
  const [terms, { time_zone: zone }] = await Promise.all([getAll("/api/v1/terms"), get(`/api/v1/org-units/${known.me.county_id}`)]);
  Object.assign(known, { terms, zone: zone ?? "UTC" });
  await Promise.all([load(AT_ONCE), showSettings()]);
  wired();
}

// As many as are shown, in the language chosen since.
async function anew() {
  const count = Math.min(Math.max(shown.length, AT_ONCE), MOST);
  next = null;
  await load(count);
}

async function load(limit) {
  const page = await get(`${NOTICES}?${new URLSearchParams({ language: language(), limit, ...(next ? { after: next } : {}) })}`);
  if (!next) {
    shown = [];
    byId("notices").replaceChildren();
  }
  next = page.next;
  shown.push(...page.items);
  const rows = page.items.map((notice) => fill(child(byId("notices"), "li", "lesson-row person"), notice));
  byId("older").hidden = !next;
  byId("read-all").hidden = !shown.some(isNew);
  byId("news").replaceChildren();
  delete byId("news").dataset.text;
  if (!shown.length) say(byId("news"), "notices.none");
  return rows;
}

async function older() {
  const [first] = await load(AT_ONCE);
  first?.querySelector("h2").focus();
}

const isNew = ({ read_at: read }) => read === null;

function fill(row, notice) {
  row.replaceChildren();
  row.classList.toggle("past", !isNew(notice));
  const what = child(row, "div");
  const title = child(what, "h2", "row-title");
  title.tabIndex = -1;
  if (isNew(notice)) say(child(title, "span", "badge"), "notices.new");
  child(title, "span").textContent = notice.title;
  const lines = child(what, "ul", "notice-lines");
  // The first lines are about a change each; then come how many more there are, and the reason.
  notice.lines.forEach((line, index) => {
    const item = child(lines, "li");
    const change = notice.items[index];
    const words = change ? child(item, "a") : item;
    if (change) lead(words, change, row, notice);
    words.textContent = line;
  });
  const at = new Date(notice.at);
  say(child(what, "p", "row-state"), "notices.at", { day: day(at, known.zone), time: clock(at, known.zone) });
  if (isNew(notice)) {
    const button = child(child(row, "div", "row-ways"), "button", "button");
    button.type = "button";
    say(child(button, "span"), "notices.read");
    button.addEventListener("click", () => attempt(() => read(row, notice)));
  }
  return row;
}

// Whoever goes there, in this tab or beside it, has read it.
function lead(words, change, row, notice) {
  words.href = wayTo(change);
  words.addEventListener("click", () => note(row, notice));
  words.addEventListener("auxclick", ({ button }) => button === 1 && note(row, notice));
}

// The lesson's week as whoever reads it looks at the timetable: by the own lessons, the own site, or the classroom.
function wayTo({ before, after }) {
  const states = [after, before].filter(Boolean);
  const { id: mine, assignments } = known.me;
  const teaches = states.some(({ teacher_id: teacher }) => teacher === mine);
  const site = states.flatMap(({ sites }) => sites).find((id) => assignments.some(({ org_unit_id: unit }) => unit === id));
  const [by, whose] = teaches ? ["teacher", mine] : site ? ["site", site] : ["room", after.main_room_id];
  const way = new URLSearchParams({ by, id: whose });
  const term = known.terms.find(({ first_day: first, last_day: last }) => first <= after.date && after.date <= last);
  if (term) {
    way.set("term", term.id);
    way.set("week", weekOf(term.first_day, after.date));
  }
  return `/timetable?${way}`;
}

const wayToRead = ({ id }) => `${NOTICES}/${id}/read?language=${language()}`;

async function read(row, notice) {
  showRead(row, notice, await post(wayToRead(notice)));
  goOnFrom(row.querySelector("h2"));
  await showUnread();
}

// The same while the page is about to be left, which the request outlives; nobody waits for it.
async function note(row, notice) {
  if (!isNew(notice)) return;
  try {
    const answer = await send(wayToRead(notice), { method: "POST", headers: signInHeader(), keepalive: true });
    showRead(row, notice, await answer.json());
    await showUnread();
  } catch {
    // It stays unread, and is shown so.
  }
}

function showRead(row, notice, told) {
  Object.assign(notice, told);
  fill(row, notice);
  byId("read-all").hidden = !shown.some(isNew);
}

// What came since the page was looked up is not read yet.
async function readAll() {
  const { unread } = await post(`${NOTICES}/read`, { told_until: shown[0].told_at });
  fillIn(unread);
  await anew();
  say(byId("news"), "notices.read.done");
  goOnFrom(byId("heading"));
}

async function showSettings() {
  const [wish, { offered }] = await Promise.all([get(SETTINGS), get("/api/v1/me/mail-address")]);
  tellWhere(wish, offered);
  byId("wish").hidden = !offered;
  byId("mail").value = wish.mail ? wish.language : "";
  byId("settings").hidden = false;
}

function tellWhere({ address }, offered) {
  if (!offered) say(byId("where"), "notices.mail.unsent");
  else if (address) say(byId("where"), "notices.mail.to", { address });
  else say(byId("where"), "notices.mail.nowhere");
  byId("prove").hidden = !offered || address !== null;
}

async function save() {
  byId("saved").replaceChildren();
  const chosen = byId("mail").value;
  const wish = await ask("PUT", SETTINGS, { mail: chosen !== "", language: chosen || language() });
  tellWhere(wish, true);
  say(byId("saved"), "notices.saved");
}

async function attempt(act) {
  byId("fault").hidden = true;
  try {
    await act();
  } catch (failure) {
    tellFault(byId("fault"), failure);
    byId("fault").scrollIntoView({ block: "center" });
  }
}
