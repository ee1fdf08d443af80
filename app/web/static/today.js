// Today's lessons of the signed-in person, the one that is on now marked and one press away.

import { lessonsOfToday, stageOf } from "./agenda.js";
import { get } from "./api.js";
import { tellFault } from "./fault.js";
import { begin, holds, whoIsHere } from "./frame.js";
import { clock, day, say } from "./i18n.js";
import { byId, child } from "./page.js";
import { loadSubjects, titleOf } from "./subjects.js";

const REFRESH = 60_000;
const MOST_SHOWN = 30;
let zone = null; // where the county is
let told = ""; // what the list says, so that it is not drawn anew for nothing
let all = false; // whether somebody wants to see every lesson

begin(refresh, byId("empty")).then(() => setInterval(refreshAgain, REFRESH));

async function refresh() {
  const me = await whoIsHere();
  if (!zone) {
    const [county] = await Promise.all([get(`/api/v1/org-units/${me.county_id}`), loadSubjects()]);
    zone = county.time_zone;
  }
  // Those who teach or assist see their own lessons; those who oversee see all they may see.
  show(await lessonsOfToday(zone, holds(me, "teacher", "site_assistant")), me);
}

async function refreshAgain() {
  try {
    await refresh();
    byId("fault").hidden = true;
  } catch (failure) {
    tellFault(byId("fault"), failure);
  }
}

function show(lessons, me) {
  say(byId("date"), "today.date", { date: day(new Date(), zone) });
  const shown = all ? lessons : urgent(lessons);
  byId("empty").hidden = shown.length > 0;
  if (!shown.length) say(byId("empty"), lessons.length ? "today.all_over" : "today.none");
  const tells = JSON.stringify(shown.map((lesson) => [lesson.id, lesson.version, lesson.state, stageOf(lesson, Date.now())]));
  if (tells === told) return;
  told = tells;
  const at = document.activeElement?.getAttribute("href"); // the keyboard stays where it was
  byId("lessons").replaceChildren(...shown.map((lesson) => row(lesson, me)));
  if (at) byId("lessons").querySelector(`a[href="${CSS.escape(at)}"]`)?.focus();
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
  const on = lessons.filter((lesson) => ["now", "soon"].includes(stageOf(lesson, now)));
  return on.length ? on : lessons.filter((lesson) => stageOf(lesson, now) === "later").slice(0, MOST_SHOWN);
}

function row(lesson, me) {
  const [starts, ends] = [new Date(lesson.starts_at), new Date(lesson.ends_at)];
  const when = stageOf(lesson, Date.now());
  const item = document.createElement("li");
  item.className = `lesson-row ${when === "now" || when === "soon" ? "now" : ""} ${when === "over" ? "past" : ""}`;
  const time = child(item, "p", "row-time");
  say(time, "today.time", { from: clock(starts, zone), to: clock(ends, zone) });
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
