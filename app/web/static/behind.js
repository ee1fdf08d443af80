// The lists behind the figures of a report: cells, classes without lessons, lessons of no class, rooms, and single lessons.

import { get } from "./api.js";
import { longDate } from "./dates.js";
import { say, text } from "./i18n.js";
import { byId, child } from "./page.js";
import { subjectName, titleOf } from "./subjects.js";

const LISTS = {
  cells: ["unit", "group", "grade", "subject", "required", "own", "planned", "delivered", "lessons"],
  unserved: ["unit", "group", "grades", "pupils"],
  unassigned: ["unit", "subject", "planned", "lessons"],
  main: ["unit", "room", "planned", "delivered", "week", "lessons"],
  receiving: ["unit", "room", "planned", "delivered", "week", "lessons"],
  lessons: ["date", "period", "title", "subject", "state", "minutes"],
};
const COLUMNS = {
  unit: ["reports.unit", (row) => row.org_unit],
  group: ["reports.group", (row) => row.pupil_group || text("reports.no_group")],
  grade: ["reports.by.grade", (row) => row.grade],
  grades: ["reports.by.grade", (row) => row.grades.join(", ")],
  pupils: ["reports.pupils", (row) => row.pupils],
  subject: ["reports.by.subject", (row) => subjectName(row.subject)],
  required: ["reports.required", (row) => row.required],
  own: ["reports.own", (row) => row.own],
  planned: ["reports.planned", (row) => row.planned],
  delivered: ["reports.delivered", (row) => row.delivered],
  room: ["reports.room", (row) => row.name],
  week: ["reports.week", (row) => row.per_week ?? "–"],
  minutes: ["reports.minutes.delivered", (row) => Math.round(row.delivered_seconds / 60)],
  date: ["reports.date", (row) => longDate(row.date)()],
  period: ["reports.period", (row) => row.period],
  title: ["reports.lesson", (row) => titleOf(row)],
  state: ["reports.state", (row) => STATES[row.state] ? text(STATES[row.state]) : row.state],
};
const STATES = {
  published: "reports.state.planned",
  preparing: "reports.state.planned",
  live: "reports.state.live",
  interrupted: "reports.state.live",
  ended: "reports.state.held",
  archived: "reports.state.held",
  cancelled: "reports.state.cancelled",
  moved: "reports.state.moved",
  missed: "reports.state.missed",
};
const TITLES = {
  cells: "reports.cells",
  unserved: "reports.unserved.list",
  unassigned: "reports.unassigned.list",
  main: "reports.rooms.main",
  receiving: "reports.rooms.receiving",
  lessons: "reports.lessons",
};

let shown = null; // { kind, path, name, next }
let trail = []; // the lists that led to it, as they were, with what was pressed there
let opener = null; // what was pressed in the report
let asked = 0;
let attempt = null;

export function wireMore(attempted) {
  attempt = attempted;
  byId("more").addEventListener("click", () => attempt(load));
  byId("behind-back").addEventListener("click", goBack);
}

// A list behind the report itself.
export async function showList(kind, path, name = "") {
  const pressed = document.activeElement;
  if (!(await open({ kind, path, name, next: null }))) return;
  [trail, opener] = [[], pressed];
  sayWayBack();
}

async function showLessons(path, name) {
  const before = { shown, rows: [...byId("behind-rows").children], pressed: document.activeElement };
  if (!(await open({ kind: "lessons", path, name, next: null }))) return;
  trail.push(before);
  sayWayBack();
}

// Nothing of what is shown goes before the new list is there.
async function open(list) {
  const mine = ++asked;
  const page = await get(list.path);
  if (mine !== asked) return false;
  shown = list;
  showHead();
  byId("behind-rows").replaceChildren();
  append(page);
  byId("behind").hidden = false;
  byId("behind-heading").focus();
  return true;
}

// To the list before, as it was left, or to the figure in the report.
function goBack() {
  const before = trail.pop();
  if (!before) {
    byId("behind").hidden = true;
    const at = opener?.isConnected ? opener : byId("whole-heading");
    return at.focus();
  }
  shown = before.shown;
  showHead();
  byId("behind-rows").replaceChildren(...before.rows);
  showEnds();
  sayWayBack();
  before.pressed.focus();
}

function sayWayBack() {
  say(byId("behind-back"), trail.length ? "reports.back.list" : "reports.back");
}

function showHead() {
  const { kind, name } = shown;
  say(byId("behind-heading"), TITLES[kind], { name });
  const head = child(byId("behind-head"), "tr");
  byId("behind-head").replaceChildren(head);
  for (const column of LISTS[kind].filter((each) => each !== "lessons")) {
    const cell = child(head, "th");
    cell.scope = "col";
    say(cell, COLUMNS[column][0]);
  }
}

async function load() {
  const [mine, of] = [++asked, shown];
  const page = await get(`${of.path}&after=${encodeURIComponent(of.next)}`);
  if (mine === asked) append(page);
}

function append(page) {
  shown.next = page.next;
  byId("behind-rows").append(...(page.items ?? page.rows).map((item) => line(item)));
  showEnds();
}

function showEnds() {
  byId("behind-none").hidden = byId("behind-rows").children.length > 0;
  byId("more").hidden = !shown.next;
}

function line(row) {
  const item = document.createElement("tr");
  for (const column of LISTS[shown.kind]) {
    const cell = child(item, "td");
    if (column === "lessons") lessons(cell, row);
    else say(cell, "reports.cell", { words: () => COLUMNS[column][1](row) });
  }
  return item;
}

function lessons(cell, row) {
  if (!row.lessons) return;
  const button = child(cell, "button", "button");
  button.type = "button";
  say(child(button, "span"), "reports.lessons.show");
  const name = () => [row.org_unit, row.pupil_group ?? row.name, row.subject && subjectName(row.subject)].filter(Boolean).join(" · ");
  button.addEventListener("click", () => attempt(() => showLessons(row.lessons, name)));
}
