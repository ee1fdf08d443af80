// Which subjects are taught and in how many periods, from the county down to the list behind each figure.

import { get, getAll } from "./api.js";
import { bars } from "./bars.js";
import { holds, isSignedIn, whoIsHere } from "./frame.js";
import { language, say, text } from "./i18n.js";
import { byId, child } from "./page.js";
import { showList, wireMore } from "./behind.js";
import { tellFault } from "./fault.js";
import { loadSubjects, subjectName } from "./subjects.js";

const asked = new URLSearchParams(location.search);
const WHAT = {
  area: "reports.by.area",
  site: "reports.by.site",
  grade: "reports.by.grade",
  subject: "reports.by.subject",
};

let me = null;

for (const choice of [byId("term"), byId("by")]) {
  choice.addEventListener("change", () => go({ term: byId("term").value, by: byId("by").value }));
}
wireMore(attempt);
if (isSignedIn) attempt(open);

async function open() {
  me = await whoIsHere();
  const [terms] = await Promise.all([getAll("/api/v1/terms"), loadSubjects()]);
  if (!terms.length) throw { words: "reports.no_term" };
  for (const term of terms) {
    const option = child(byId("term"), "option");
    option.value = term.id;
    option.textContent = term.name;
  }
  byId("term").value = asked.get("term") ?? current(terms).id;
  byId("by").value = asked.get("by") in WHAT ? asked.get("by") : "area";
  await show();
}

// The term of today, else the last one.
function current(terms) {
  const today = new Date().toISOString().slice(0, 10);
  const byStart = terms.toSorted((a, b) => a.first_day.localeCompare(b.first_day));
  return byStart.findLast(({ first_day: first }) => first <= today) ?? byStart[0];
}

async function show() {
  const query = new URLSearchParams({ term_id: byId("term").value, by: byId("by").value, language: language() });
  const under = asked.get("under");
  if (under) query.set("org_unit_id", under);
  const report = await get(`/api/v1/reports/coverage?${query}`);
  if (under) byId("whole-heading").textContent = asked.get("name") ?? "";
  else say(byId("whole-heading"), holds(me, "bureau_admin") ? "reports.county" : "reports.mine");
  byId("up").hidden = !under;
  byId("up").href = address({ term: query.get("term_id"), by: query.get("by") });
  showRates(byId("opening"), byId("hours"), report.total);
  lists(report, query);
  say(byId("what"), WHAT[report.by]);
  byId("rows").replaceChildren(...report.rows.map((row) => line(row, report.by)));
  byId("none").hidden = report.total.cells > 0;
  byId("whole").hidden = false;
}

function showRates(opening, hours, figures) {
  opening.replaceChildren(bars(figures.opening_rate, figures.opening_rate_delivered));
  hours.replaceChildren(bars(figures.full_hours_rate, figures.full_hours_rate_delivered));
}

function lists(report, query) {
  const narrowed = new URLSearchParams(query);
  for (const name of ["by", "language"]) narrowed.delete(name);
  for (const name of ["unserved", "unassigned"]) {
    const count = report[name];
    say(byId(name), name === "unserved" ? "reports.unserved" : "reports.unassigned", { count });
    byId(name).hidden = count === 0;
    byId(name).onclick = () => attempt(() => showList(name, `/api/v1/reports/${name}?${narrowed}`));
  }
}

function line(row, by) {
  const item = document.createElement("tr");
  const name = child(item, "th");
  name.scope = "row";
  if (by === "grade") say(name, "reports.grade", { grade: row.grade });
  else if (row.within) link(name, row);
  else if (by === "subject") say(name, "lesson.title", { title: () => subjectName(row.subject) });
  else name.textContent = row.name;
  showRates(child(item, "td"), child(item, "td"), row.figures);
  const button = child(child(item, "td"), "button", "button");
  button.type = "button";
  say(child(button, "span"), "reports.list");
  button.addEventListener("click", () => attempt(() => showList("cells", row.cells, nameOf(row, by))));
  return item;
}

function nameOf(row, by) {
  if (by === "grade") return () => text("reports.grade", { grade: row.grade });
  return by === "subject" ? () => subjectName(row.subject) : row.name;
}

function link(cell, row) {
  const way = child(cell, "a");
  way.textContent = row.name;
  way.href = address({ term: byId("term").value, by: "area", under: row.org_unit_id, name: row.name });
}

function address(query) {
  return `/reports?${new URLSearchParams(query)}`;
}

function go(query) {
  for (const kept of ["under", "name"]) if (asked.get(kept)) query[kept] = asked.get(kept);
  location.assign(address(query));
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
