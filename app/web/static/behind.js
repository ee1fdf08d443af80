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

let shown = null; // { kind, path, next }
let attempt = null;

export function wireMore(attempted) {
  attempt = attempted;
  byId("more").addEventListener("click", () => attempt(load));
}

export async function showList(kind, path, name = "") {
  shown = { kind, path, next: null };
  say(byId("behind-heading"), TITLES[kind], { name });
  const head = child(byId("behind-head"), "tr");
  byId("behind-head").replaceChildren(head);
  for (const column of LISTS[kind].filter((each) => each !== "lessons")) {
    const cell = child(head, "th");
    cell.scope = "col";
    say(cell, COLUMNS[column][0]);
  }
  byId("behind-rows").replaceChildren();
  await load();
  byId("behind").hidden = false;
  byId("behind-heading").focus();
}

async function load() {
  const after = shown.next ? `&after=${encodeURIComponent(shown.next)}` : "";
  const page = await get(shown.path + after);
  shown.next = page.next;
  byId("behind-rows").append(...(page.items ?? page.rows).map((item) => line(item)));
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
  button.addEventListener("click", () => attempt(() => showList("lessons", row.lessons, name)));
}
