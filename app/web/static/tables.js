// Whole tables in and out: a file is tried first, its bad rows are listed, and only a file without any is stored.

import { ApiError, send } from "./api.js";
import { download } from "./download.js";
import { tellFault } from "./fault.js";
import { isSignedIn, whoIsHere } from "./frame.js";
import { say } from "./i18n.js";
import { identity } from "./identity.js";
import { byId, child, wired } from "./page.js";

const MOST_BYTES = 16 * 1024 * 1024;
const BUNDLE = "oneroster"; // goes out as a ZIP, and has no template
const ABOUT = {
  "bell-schedules": "tables.about.bells",
  "calendar-days": "tables.about.calendar",
  pairings: "tables.about.pairings",
  "timetable-entries": "tables.about.entries",
};
// What planned lessons stand on.
const FOLLOWED = {
  "bell-schedules": "tables.follow",
  "calendar-days": "tables.follow.calendar",
};
const COUNTS = {
  created: "tables.created",
  changed: "tables.changed",
  unchanged: "tables.unchanged",
  refused: "tables.refused",
};
const FAULTS = {
  "import.raced": "tables.raced",
  "upload.infected": "tables.infected",
  "upload.too_large": "tables.too_large",
};

byId("check").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => bring(true), byId("try"));
});
byId("store").addEventListener("click", () => attempt(() => bring(false), byId("store")));
for (const change of [byId("kind"), byId("file"), byId("follow")]) change.addEventListener("change", forget);
byId("kind").addEventListener("change", choose);
choose(); // a browser that goes back keeps what was chosen
for (const button of document.querySelectorAll("[data-file]")) {
  button.addEventListener("click", () => attempt(() => downloadTable(button.dataset), button));
}
wired();
if (isSignedIn) attempt(whoIsHere);

function choose() {
  const kind = byId("kind").value;
  for (const button of document.querySelectorAll("[data-file]")) {
    button.hidden = (button.dataset.form === "zip") !== (kind === BUNDLE);
  }
  byId("follow-choice").hidden = !(kind in FOLLOWED);
  if (kind in FOLLOWED) say(byId("follow-words"), FOLLOWED[kind]);
  byId("about").hidden = !(kind in ABOUT);
  if (kind in ABOUT) say(byId("about"), ABOUT[kind]);
}

async function bring(dryRun) {
  const file = byId("file").files[0];
  if (!file) return complain("tables.no_file", byId("file"));
  if (file.size > MOST_BYTES) return complain("tables.too_large", byId("file"));
  if (dryRun) forget();
  say(byId("verdict"), dryRun ? "tables.checking" : "tables.storing");
  byId("report").hidden = false;
  const query = new URLSearchParams({ kind: byId("kind").value, dry_run: dryRun });
  if (byId("kind").value in FOLLOWED && byId("follow").checked) query.set("lessons", "follow");
  const headers = { ...(await identity()), "Content-Type": "application/octet-stream" };
  try {
    const answer = await send(`/api/v1/imports?${query}`, { method: "POST", headers, body: file });
    show(await answer.json());
  } catch (failure) {
    // What somebody else has stored since the file was tried may have made a row bad.
    if (!failure.problem?.report) throw failure;
    show(failure.problem.report);
  }
}

function show(report) {
  const { refused, created, changed, dry_run: dryRun } = report;
  const nothing = created + changed === 0;
  const good = nothing ? "tables.nothing_new" : dryRun ? "tables.good" : "tables.stored";
  say(byId("verdict"), refused ? "tables.bad" : good);
  byId("report").dataset.state = refused ? "bad" : "good";
  byId("counts").replaceChildren();
  for (const [name, words] of Object.entries(COUNTS)) {
    const pair = child(byId("counts"), "div");
    say(child(pair, "dt"), words);
    child(pair, "dd").textContent = report[name];
  }
  byId("remarks").replaceChildren();
  for (const { detail } of report.remarks) child(byId("remarks"), "li").textContent = detail;
  byId("store").hidden = !dryRun || refused > 0 || nothing;
  byId("errors").hidden = report.errors.length === 0;
  byId("rows").replaceChildren();
  for (const error of report.errors) addRow(error);
  byId("rest").hidden = !report.more_errors;
  say(byId("rest"), "tables.more", { count: report.more_errors });
  byId("report").focus();
}

function addRow({ table, row, column, cell, detail }) {
  const line = child(byId("rows"), "tr");
  const place = child(line, "th");
  place.scope = "row";
  place.textContent = table ? `${table} ${row}` : row;
  child(line, "td").textContent = [column, cell && `(${cell})`].filter(Boolean).join(" ");
  child(line, "td").textContent = detail;
}

function downloadTable({ file, form }) {
  const kind = byId("kind").value;
  return download(`/api/v1/${file}/${kind}.${form}`, `${kind}${file === "exports" ? "" : "-template"}.${form}`);
}

// Another file, or another kind: what was said of the one before holds no more.
function forget() {
  byId("fault").hidden = byId("report").hidden = true;
}

async function attempt(act, button) {
  byId("fault").hidden = true;
  if (button) button.disabled = true;
  try {
    await act();
  } catch (failure) {
    byId("report").hidden = true;
    const words = failure instanceof ApiError && FAULTS[failure.code];
    // What is wrong with a file as a whole, the server says in the reader's language.
    if (failure instanceof ApiError && /^(file|oneroster)\./.test(failure.code)) tell(failure.message);
    else tellFault(byId("fault"), words ? { words } : failure);
  }
  if (button) button.disabled = false;
}

function tell(words) {
  byId("fault").removeAttribute("data-text");
  byId("fault").textContent = words;
  byId("fault").hidden = false;
}

function complain(key, field) {
  tellFault(byId("fault"), { words: key });
  field.focus();
}
