// The weekly timetable of one term taken over into another: what it would come to is asked first, some lessons at a time.

import { getAll, post } from "./api.js";
import { mainRooms } from "./choices.js";
import { tellReason } from "./clashes.js";
import { mondayOf, weekdayName } from "./dates.js";
import { tellFault } from "./fault.js";
import { button, closePanel, field, form, openPanel, prepare, select, ticks } from "./form.js";
import { label, say } from "./i18n.js";
import { byId, child } from "./page.js";
import { titleOf } from "./subjects.js";
import { byStart } from "./term_days.js";

const COPY = "/api/v1/timetable-entries/copy";
const AT_ONCE = 20; // entries; the API takes 50, but who watches wants to see it go on, and others their turn
const MOST = 8;
const ALL = "";
// The pages that help with what keeps a lesson from being taken over.
const BELLS = ["/bells", "bells.heading"];
const HELP = { "timetable.no_bells": BELLS, "timetable.bells_apart": BELLS, "pairing.not_active": ["/pairings", "pairings.heading"] };

// Into the term that is shown; from the one before it, unless another one is chosen.
export async function askTakingOver(given) {
  const { known, done } = given;
  const into = known.term;
  const sorted = byStart(known.terms).filter(({ id }) => id !== into.id);
  const before = sorted.findLast(({ first_day: first }) => first < into.first_day) ?? sorted[0];
  const body = openPanel("term.copy.into", { name: into.name });
  let rooms = [];
  const fill = async () => (rooms = await mainRooms());
  if (!(await prepare(body, fill, () => askTakingOver(given)))) return;
  const parts = form(body, "term.copy.ask", () => foresee());
  const from = field(parts.fields, "term.copy.from", select(sorted, before.id));
  const whose = field(parts.fields, "term.copy.whose", select([{ id: ALL, key: "term.copy.all" }, ...rooms]));
  const { chosen } = ticks(parts.fields, "checkbox", "term.copy.which", [
    { id: "lasting", key: "term.copy.lasting", checked: true },
    { id: "curriculum", key: "term.copy.curriculum", checked: true },
  ]);
  const told = child(body, "div", "findings");
  parts.fields.addEventListener("change", () => told.replaceChildren());
  from.focus();

  async function foresee() {
    told.replaceChildren();
    const term = sorted.find(({ id }) => id === from.value);
    const entries = await entriesOf(term, whose.value, chosen().includes("lasting"));
    if (!entries.length) return say(child(told, "p"), "term.copy.nothing");
    const found = batch(entries);
    await inTurn(found, told, "term.copy.asking", `${COPY}/effects`, { term_id: into.id });
    if (found.waiting.length) return; // closed, or asked for something else meanwhile
    tellCopied(told, "term.copy.could", found.copied);
    tellLeft(told, found.left, entries);
    if (!found.copied.length) return;
    const could = new Set(found.copied.map(({ from_id: id }) => id));
    const wanted = batch(entries.filter(({ id }) => could.has(id)));
    say(child(told, "p", "hint"), "term.copy.drafts");
    const fault = child(told, "p", "fault");
    fault.setAttribute("role", "alert");
    fault.hidden = true;
    const curriculum = chosen().includes("curriculum") ? term.id : null;
    const way = button(child(told, "div", "choices"), "term.copy.go", () => carryOut(wanted, curriculum, way, fault), "main-button");
    say(way.firstElementChild, "term.copy.go", { count: could.size });
    way.scrollIntoView({ block: "nearest" });
    way.focus();
  }

  // What was taken over stays, also where the link is lost in between: the next press goes on with the others.
  async function carryOut(wanted, curriculum, way, fault) {
    if (way.disabled) return;
    way.disabled = true;
    fault.hidden = true;
    const all = [...wanted.waiting];
    try {
      if (curriculum) await post(`/api/v1/terms/${into.id}/curriculum/copy`, { from_term_id: curriculum });
      await inTurn(wanted, told, "term.copy.going", COPY, { term_id: into.id, others: "leave" });
    } catch (failure) {
      return tellFault(fault, failure);
    } finally {
      way.disabled = false;
    }
    const body = openPanel("term.copy.into", { name: into.name });
    const outcome = child(body, "div", "findings");
    tellCopied(outcome, "term.copy.done", wanted.copied);
    tellLeft(outcome, wanted.left, all);
    leadTo(outcome, `/timetable?${new URLSearchParams({ term: into.id })}`, "term.copy.publish");
    button(child(body, "div", "choices"), "panel.close", closePanel, "main-button").focus();
    await done(into.id, "term.copy.done", sums(wanted.copied));
  }
}

// Those that go on until the last week, where only these are wanted: after a change in mid-term there are two of one.
// Whatever was called off lesson by lesson goes on in name only.
async function entriesOf(term, room, isLasting) {
  const query = new URLSearchParams({ term_id: term.id, ...(room ? { main_room_id: room } : {}) });
  const listed = await getAll(`/api/v1/timetable-entries?${query}`);
  const found = listed.filter((entry) => !entry.called_off);
  return isLasting ? found.filter(({ last_day: last }) => last >= mondayOf(term.last_day)) : found;
}

const batch = (entries) => ({ waiting: [...entries], copied: [], left: [] });

// Some at a time, until all are through or nobody looks any more; what has come of them is in `state`.
async function inTurn(state, place, key, path, body) {
  const line = child(place, "p", "hint");
  line.setAttribute("role", "status");
  const bar = child(place, "progress");
  bar.max = state.waiting.length + state.copied.length + state.left.length;
  try {
    while (state.waiting.length && place.isConnected && byId("panel").open) {
      bar.value = bar.max - state.waiting.length;
      say(line, key, { count: bar.value, all: bar.max });
      label(bar, key, { count: bar.value, all: bar.max });
      const entry_ids = state.waiting.slice(0, AT_ONCE).map(({ id }) => id);
      const { copied, left } = await post(path, { ...body, entry_ids });
      state.copied.push(...copied);
      state.left.push(...left);
      state.waiting.splice(0, AT_ONCE);
    }
  } finally {
    line.remove();
    bar.remove();
  }
}

const sums = (copied) => ({ count: copied.length, lessons: copied.reduce((sum, { lessons }) => sum + lessons, 0) });

function tellCopied(place, key, copied) {
  say(child(place, "p", "finding-sum free-slot"), key, sums(copied));
}

// What stays behind, by its reason.
function tellLeft(place, left, entries) {
  const named = new Map(entries.map((entry) => [entry.id, entry]));
  const reasons = new Map();
  for (const each of left) reasons.set(each.code, [...(reasons.get(each.code) ?? []), each]);
  for (const [code, some] of reasons) {
    say(child(place, "p", "finding-sum"), "term.copy.left", { count: some.length });
    const reason = child(place, "p");
    if (code === "timetable.clash") say(reason, "term.copy.clash");
    else tellReason(reason, { code, detail: some[0].detail, problem: {} });
    const list = child(place, "ul", "finding-list");
    for (const { entry_id: id } of some.slice(0, MOST)) {
      const { title, subject, weekday, period } = named.get(id);
      const given = { title: () => titleOf({ title, subject }), day: weekdayName(weekday), number: period };
      say(child(list, "li"), "change.what", given);
    }
    if (some.length > MOST) say(child(list, "li"), "clash.more", { count: some.length - MOST });
    if (code in HELP) leadTo(place, ...HELP[code]);
  }
}

export const toBells = (place) => leadTo(place, ...BELLS);

function leadTo(place, href, key) {
  const line = child(place, "p");
  const way = child(line, "a", "button");
  way.href = href;
  say(way, key);
  return line;
}
