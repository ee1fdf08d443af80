// Which subjects are taught and in how many periods, from the county down to the list behind each figure.

import { get, getAll } from "./api.js";
import { bars } from "./bars.js";
import { chart, percent } from "./chart.js";
import { longDate, todayIn } from "./dates.js";
import { download } from "./download.js";
import { begin, holds, whoIsHere } from "./frame.js";
import { language, say, text } from "./i18n.js";
import { sayNoTerm } from "./no_term.js";
import { byId, child, wired } from "./page.js";
import { showList, wireMore } from "./behind.js";
import { tellFault } from "./fault.js";
import { loadSubjects, subjectName } from "./subjects.js";

let asked = new URLSearchParams(location.search);
const WHAT = {
  area: "reports.by.area",
  site: "reports.by.site",
  grade: "reports.by.grade",
  subject: "reports.by.subject",
};

const RATES = [
  { id: "opening", planned: "opening_rate", delivered: "opening_rate_delivered" },
  { id: "hours", planned: "full_hours_rate", delivered: "full_hours_rate_delivered" },
];
const MOST_BARS = 15;

let me = null;
let known = null; // the report
let zone = null;
let standing = null; // what it was asked for: { term, by }
let order = { column: null, down: false }; // by column; null: as the server tells them

for (const choice of [byId("term"), byId("by")]) {
  choice.addEventListener("change", () => go({ term: byId("term").value, by: byId("by").value }));
}
addEventListener("popstate", () => location.reload());
wireMore(attempt);
byId("print").addEventListener("click", () => print());
byId("workbook").addEventListener("click", () => attempt(takeWorkbook));
for (const kind of ["main", "receiving"]) {
  byId(`rooms-${kind}`).addEventListener("click", () => attempt(() => showList(kind, `/api/v1/reports/rooms?${about()}&kind=${kind}`)));
}
wired();
let width = innerWidth;
addEventListener("resize", () => {
  if (known && innerWidth !== width) showRows(); // phones fire it on scrolling, too
  width = innerWidth;
});
begin(open, byId("loading"));

async function open() {
  me = await whoIsHere();
  const county = get(`/api/v1/org-units/${me.county_id}`);
  const [terms, { time_zone: there }] = await Promise.all([getAll("/api/v1/terms"), county, loadSubjects()]);
  zone = there;
  if (!terms.length) return sayNoTerm(byId("loading"), me);
  byId("term").replaceChildren();
  for (const term of terms) {
    const option = child(byId("term"), "option");
    option.value = term.id;
    option.textContent = term.name;
  }
  byId("term").value = asked.get("term") ?? current(terms).id;
  byId("by").value = asked.get("by") in WHAT ? asked.get("by") : "area";
  await show();
  byId("choose").inert = false;
}

// The term of today, else the last one.
function current(terms) {
  const byStart = [...terms].sort((a, b) => a.first_day.localeCompare(b.first_day));
  return byStart.findLast(({ first_day: first }) => first <= today()) ?? byStart[0];
}

async function show() {
  const [query, under] = [about(), asked.get("under")];
  const report = await get(`/api/v1/reports/coverage?${query}&by=${byId("by").value}&language=${language()}`);
  if (under) byId("whole-heading").textContent = asked.get("name") ?? "";
  else say(byId("whole-heading"), holds(me, "bureau_admin") ? "reports.county" : "reports.mine");
  byId("up").hidden = !under;
  byId("up").href = address({ term: byId("term").value, by: byId("by").value });
  for (const { id, planned, delivered } of RATES) {
    byId(id).replaceChildren(bars(report.total[planned], report.total[delivered]));
  }
  const { due_minutes: due, delivered_minutes: delivered } = report.total;
  byId("minutes").hidden = due === 0;
  say(byId("minutes"), "reports.minutes", { due: due.toLocaleString("en"), delivered: delivered.toLocaleString("en") });
  const term = byId("term").selectedOptions[0].textContent;
  say(byId("paper"), "reports.paper", { term, date: longDate(today()) });
  lists(report, query);
  known = report;
  byId("none").hidden = report.total.cells > 0;
  byId("loading").hidden = true;
  byId("whole").hidden = false;
  standing = { term: byId("term").value, by: byId("by").value };
  showRows();
}

// Which term, and which part of the county, the figures are about.
function about() {
  const query = new URLSearchParams({ term_id: byId("term").value });
  if (asked.get("under")) query.set("org_unit_id", asked.get("under"));
  return query;
}

const today = () => todayIn(zone);

async function takeWorkbook() {
  byId("workbook").disabled = true; // seventeen thousand lines take a moment
  try {
    await download(`/api/v1/reports/workbook?${about()}&language=${language()}`, `report-${today()}.xlsx`);
  } finally {
    byId("workbook").disabled = false;
  }
}

// The charts show where it is needed most, the table everything.
function showRows() {
  const { rows, by } = known;
  for (const { id, planned, delivered } of RATES) {
    const lowest = sorted(rows, by, { column: planned, down: false }).slice(0, MOST_BARS);
    const drawn = lowest.map((row) => ({ name: nameOf(row, by), planned: row.figures[planned], delivered: row.figures[delivered] }));
    chart(byId(`${id}-chart`), `reports.${id}.chart`, drawn);
    byId(`${id}-note`).hidden = rows.length <= MOST_BARS;
    say(byId(`${id}-note`), "reports.chart.lowest", { most: MOST_BARS, count: rows.length });
  }
  byId("heads").replaceChildren();
  head(WHAT[by], "name");
  for (const { planned, delivered } of RATES) {
    head("reports.planned", planned);
    head("reports.delivered", delivered);
  }
  child(byId("heads"), "td");
  byId("rows").replaceChildren(...sorted(rows, by, order).map((row) => line(row, by)));
}

// Pressed once, a column's lowest come first; pressed again, its highest.
function head(key, column) {
  const cell = child(byId("heads"), "th");
  cell.scope = "col";
  const button = child(cell, "button", "sort");
  button.type = "button";
  say(button, key);
  if (order.column === column) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
  button.addEventListener("click", () => {
    order = { column, down: order.column === column && !order.down };
    showRows();
    byId("heads").querySelector("[aria-sort] button").focus();
  });
}

function sorted(rows, by, { column, down }) {
  if (column === null) return rows;
  const name = (row) => nameOf(row, by)();
  const rate = ({ figures }) => figures[column] ?? 2; // where nothing is required, nothing is lacking
  const byName = (one, other) => name(one).localeCompare(name(other), "zh", { numeric: true });
  const found = [...rows].sort((one, other) => (column === "name" ? 0 : rate(one) - rate(other)) || byName(one, other));
  return down ? found.reverse() : found;
}

function lists(report, query) {
  for (const name of ["unserved", "unassigned"]) {
    const count = report[name];
    say(byId(name), name === "unserved" ? "reports.unserved" : "reports.unassigned", { count });
    byId(name).hidden = count === 0;
    byId(name).onclick = () => attempt(() => showList(name, `/api/v1/reports/${name}?${query}`));
  }
}

function line(row, by) {
  const item = document.createElement("tr");
  const name = child(item, "th");
  name.scope = "row";
  if (row.within) link(name, row);
  else say(name, "reports.cell", { words: nameOf(row, by) });
  for (const { planned, delivered } of RATES) {
    for (const rate of [planned, delivered]) child(item, "td").textContent = percent(row.figures[rate]);
  }
  const button = child(child(item, "td"), "button", "button");
  button.type = "button";
  say(child(button, "span"), "reports.list");
  button.addEventListener("click", () => attempt(() => showList("cells", row.cells, nameOf(row, by))));
  return item;
}

function nameOf(row, by) {
  if (by === "grade") return () => text("reports.grade", { grade: row.grade });
  return () => (by === "subject" ? subjectName(row.subject) : row.name);
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
  const before = asked;
  asked = new URLSearchParams(query);
  // Where the server is lost, the page stays with what it shows, and says so.
  attempt(async () => {
    try {
      await show();
    } catch (failure) {
      asked = before;
      [byId("term").value, byId("by").value] = [standing.term, standing.by];
      throw failure;
    }
    byId("behind").hidden = true;
    history.pushState(null, "", address(query));
  });
}

async function attempt(act) {
  byId("fault").hidden = true;
  try {
    await act();
  } catch (failure) {
    byId("loading").hidden = true;
    tellFault(byId("fault"), failure);
    byId("fault").scrollIntoView({ block: "center" });
  }
}
