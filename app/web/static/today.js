// Today's lessons of the signed-in person, the one that is on now marked and one press away.

import { get } from "./api.js";
import { tellFault } from "./fault.js";
import { begin, holds, whoIsHere } from "./frame.js";
import { clock, day, say } from "./i18n.js";
import { byId, child } from "./page.js";
import { loadSubjects, titleOf } from "./subjects.js";

const LONGEST_LESSON = 4 * 3_600_000;
const PAGE = 200;
const MOST_PAGES = 5;
const OVER = ["ended", "archived", "moved"];
const REFRESH = 60_000;
const MOST_SHOWN = 30;
let subjects = null;
let all = false; // whether somebody wants to see every lesson

begin(refresh, byId("empty")).then(() => setInterval(refreshAgain, REFRESH));

async function refresh() {
  const me = await whoIsHere();
  subjects ??= await loadSubjects();
  show(await lessonsOfToday(me), me);
}

async function refreshAgain() {
  try {
    await refresh();
    byId("fault").hidden = true;
  } catch (failure) {
    tellFault(byId("fault"), failure);
  }
}

// Those who teach or assist see their own lessons; those who oversee see all they may see.
async function lessonsOfToday(me) {
  const from = new Date();
  from.setHours(0, 0, 0, 0);
  const to = new Date(from);
  to.setDate(to.getDate() + 1);
  const mine = holds(me, "teacher", "site_assistant");
  // The API selects by start; a lesson may have begun before midnight.
  const earliest = new Date(from.getTime() - LONGEST_LESSON);
  const query = new URLSearchParams({ from: earliest.toISOString(), to: to.toISOString(), mine, limit: PAGE });
  const found = [];
  for (let page = 0; page < MOST_PAGES; page++) {
    const { items, next } = await get(`/api/v1/lessons?${query}`);
    found.push(...items);
    if (!next) break;
    query.set("after", next);
  }
  return found.filter((lesson) => new Date(lesson.ends_at) > from);
}

function show(lessons, me) {
  say(byId("date"), "today.date", { date: day(new Date()) });
  byId("empty").hidden = lessons.length > 0;
  if (lessons.length === 0) say(byId("empty"), "today.none");
  const shown = all ? lessons : urgent(lessons);
  byId("lessons").replaceChildren(...shown.map((lesson) => row(lesson, me)));
  byId("all").hidden = shown.length === lessons.length;
  say(byId("all"), "today.all", { count: lessons.length });
  byId("all").onclick = () => {
    all = true;
    show(lessons, me);
    byId("lessons").querySelector("a")?.focus();
  };
}

// Whoever oversees a county has more lessons in a day than can be looked through: those that are on come first.
function urgent(lessons) {
  if (lessons.length <= MOST_SHOWN) return lessons;
  const now = Date.now();
  const on = lessons.filter((lesson) => ["now", "soon"].includes(state(lesson, now)));
  return on.length ? on : lessons.filter((lesson) => state(lesson, now) === "later").slice(0, MOST_SHOWN);
}

function row(lesson, me) {
  const [starts, ends] = [new Date(lesson.starts_at), new Date(lesson.ends_at)];
  const when = state(lesson, Date.now());
  const item = document.createElement("li");
  item.className = `lesson-row ${when === "now" || when === "soon" ? "now" : ""} ${when === "over" ? "past" : ""}`;
  const time = child(item, "p", "row-time");
  say(time, "today.time", { from: clock(starts), to: clock(ends) });
  const middle = child(item, "div");
  say(child(middle, "h2", "row-title"), "lesson.title", { title: () => titleOf(lesson) });
  child(middle, "p", "row-who").textContent = `${lesson.teacher.name} · ${lesson.school.name}`;
  say(child(middle, "p", "row-state"), `today.${when}`);
  const ways = child(item, "div", "row-ways");
  const teaches = lesson.teacher.id === me.id;
  const invites = teaches || holds(me, "bureau_admin", "school_admin");
  if (invites && when !== "over" && when !== "cancelled") way(ways, "button", "/guests", lesson, "today.guests");
  if (when !== "now" && when !== "soon") return item;
  if (teaches) way(ways, "main-button", "/teach", lesson, "today.teach");
  else way(ways, "main-button", "/site", lesson, "today.watch");
  return item;
}

function way(ways, look, page, lesson, words) {
  const link = child(ways, "a", look);
  link.href = `${page}?lesson=${encodeURIComponent(lesson.id)}`;
  say(child(link, "span"), words);
}

function state(lesson, now) {
  const [opens, starts, ends] = [lesson.opens_at, lesson.starts_at, lesson.ends_at].map(Date.parse);
  if (lesson.state === "cancelled") return "cancelled";
  if (now >= ends || OVER.includes(lesson.state)) return "over";
  if (now >= starts) return "now";
  return now >= opens ? "soon" : "later";
}
