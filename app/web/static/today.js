// Today's lessons of the signed-in person, the one that is on now marked and one press away.

import { get } from "./api.js";
import { clock, day, say, wireLanguageButton } from "./i18n.js";
import { byId, requireSignIn, showFault } from "./page.js";
import { signOut, takeTokenFromAddress } from "./session.js";

const DOORS_OPEN = 15 * 60_000;
const OVER = ["ended", "archived", "moved"];
const REFRESH = 60_000;

wireLanguageButton();
takeTokenFromAddress();
byId("signout").addEventListener("click", signOut);
if (requireSignIn()) {
  refresh();
  setInterval(refresh, REFRESH);
}

async function refresh() {
  try {
    const me = await get("/api/v1/me");
    byId("who").textContent = me.name;
    show(await lessonsOfToday(me), me);
    byId("fault").hidden = true;
  } catch (failure) {
    showFault(byId("fault"), failure);
  }
}

// Those who teach or assist see their own lessons; those who oversee see all they may see.
async function lessonsOfToday(me) {
  const from = new Date();
  from.setHours(0, 0, 0, 0);
  const to = new Date(from);
  to.setDate(to.getDate() + 1);
  const mine = me.assignments.some(({ role }) => role === "teacher" || role === "site_assistant");
  const query = new URLSearchParams({ from: from.toISOString(), to: to.toISOString() });
  if (mine) query.set("mine", "true");
  const answer = await get(`/api/v1/lessons?${query}`);
  return answer.lessons ?? answer;
}

function show(lessons, me) {
  say(byId("date"), "today.date", { date: day(new Date()) });
  byId("empty").hidden = lessons.length > 0;
  if (lessons.length === 0) say(byId("empty"), "today.none");
  byId("lessons").replaceChildren(...lessons.map((lesson) => row(lesson, me)));
}

function row(lesson, me) {
  const [starts, ends] = [new Date(lesson.starts_at), new Date(lesson.ends_at)];
  const when = state(lesson, starts, ends, Date.now());
  const item = document.createElement("li");
  item.className = `lesson-row ${when === "now" || when === "soon" ? "now" : ""} ${when === "over" ? "past" : ""}`;
  const time = child(item, "p", "row-time");
  say(time, "today.time", { from: clock(starts), to: clock(ends) });
  const middle = child(item, "div");
  child(middle, "h2", "row-title").textContent = lesson.title || lesson.subject;
  say(child(middle, "p", "row-state"), `today.${when}`);
  if (when === "now" || when === "soon") way(item, lesson, me);
  return item;
}

function way(item, lesson, me) {
  const teaches = lesson.teacher_id === me.id;
  const link = child(item, "a", "main-button");
  link.href = `${teaches ? "/teach" : "/site"}?lesson=${encodeURIComponent(lesson.id)}`;
  say(child(link, "span"), teaches ? "today.teach" : "today.watch");
}

function state(lesson, starts, ends, now) {
  if (lesson.state === "cancelled") return "cancelled";
  if (now >= ends || OVER.includes(lesson.state)) return "over";
  if (now >= starts) return "now";
  return now >= starts - DOORS_OPEN ? "soon" : "later";
}

function child(parent, tag, className = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent.append(element);
  return element;
}
