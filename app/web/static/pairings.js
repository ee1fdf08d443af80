// Agreements between main classrooms and sites: what waits for whom, the steps one may take, and new proposals.

import { ApiError, get, getAll, send } from "./api.js";
import { longDate } from "./dates.js";
import { tellFault } from "./fault.js";
import { begin, holds, whoIsHere } from "./frame.js";
import { say, text } from "./i18n.js";
import { identity } from "./identity.js";
import { byId, child, goOnFrom } from "./page.js";
import { wireProposing } from "./proposing.js";
import { loadSubjects, subjectName } from "./subjects.js";

const BUREAU_ONLY = ["approve", "suspend", "resume", "end", "renew"];
const PAUSE = 300; // after the last key, before agreements are looked for
const NEEDS_REASON = ["decline", "suspend", "end"];
const STEPS = {
  accept: "pairings.accept",
  decline: "pairings.decline",
  approve: "pairings.approve",
  suspend: "pairings.suspend",
  resume: "pairings.resume",
  end: "pairings.end",
  renew: "pairings.renew",
};
const STATES = {
  proposed: "pairings.state.proposed",
  accepted: "pairings.state.accepted",
  approved: "pairings.state.approved",
  active: "pairings.state.active",
  suspended: "pairings.state.suspended",
  ended: "pairings.state.ended",
  renewed: "pairings.state.renewed",
};

let me = null;
let rooms = new Map(); // room id → "school · room"
let next = null;
let searches = 0; // so that only the latest answer is shown
let timer = null;

byId("which").addEventListener("change", loadSoon);
byId("choose").addEventListener("submit", (event) => event.preventDefault());
byId("find").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(loadSoon, PAUSE);
});
byId("more").addEventListener("click", () => attempt(() => load(next)));
const begun = begin(open, byId("none"));

// What is chosen or typed early counts when the page has begun.
async function loadSoon() {
  await begun;
  await attempt(load);
}

async function open() {
  me = await whoIsHere();
  const [units, found, subjects] = await Promise.all([getAll("/api/v1/org-units"), getAll("/api/v1/rooms"), loadSubjects()]);
  const zone = units.find(({ id }) => id === me.county_id)?.time_zone;
  const names = new Map(units.map(({ id, name }) => [id, name]));
  rooms = new Map(found.map((room) => [room.id, `${names.get(room.org_unit_id)} · ${room.name}`]));
  await load();
  if (holds(me, "bureau_admin")) await wireProposing({ me, rooms: found, subjects, nameOf, zone, attempt, added: load });
}

const nameOf = (roomId) => rooms.get(roomId) ?? text("pairings.room_unknown");

async function load(after = null) {
  const [name, mine] = [byId("find").value.trim(), ++searches];
  const query = new URLSearchParams({ limit: 50, ...(after ? { after } : {}), ...(name ? { name } : {}) });
  for (const state of byId("which").value.split(" ")) query.append("state", state);
  const page = await get(`/api/v1/pairings?${query}`);
  if (mine !== searches) return; // something else is looked for by now
  if (!after) byId("pairings").replaceChildren();
  byId("pairings").append(...page.items.map((pairing) => row(pairing)));
  next = page.next;
  byId("more").hidden = !next;
  byId("none").hidden = byId("pairings").children.length > 0;
  say(byId("none"), name ? "pairings.none.named" : "pairings.none", { name });
}

function row(pairing) {
  const item = document.createElement("li");
  item.className = "lesson-row person";
  const what = child(item, "div");
  say(child(what, "h2", "row-title"), "pairings.between", sides(pairing));
  const { valid_from: from, valid_to: to } = pairing;
  const subjects = () => pairing.subjects.map(subjectName).join(text("list.comma")) || text("pairings.all_subjects");
  say(child(what, "p", "row-who"), "pairings.days", { subjects, from: longDate(from), to: longDate(to) });
  say(child(what, "p", "row-state"), STATES[pairing.state]);
  if (pairing.state_reason) child(what, "p", "row-who").textContent = pairing.state_reason;
  const ways = child(item, "div", "row-ways");
  const mine = pairing.steps.filter((step) => holds(me, "bureau_admin") || !BUREAU_ONLY.includes(step));
  for (const step of mine) {
    const button = child(ways, "button", step === "accept" || step === "approve" ? "main-button" : "button");
    button.type = "button";
    say(child(button, "span"), STEPS[step]);
    button.addEventListener("click", () => attempt(() => take(step, pairing)));
  }
  return item;
}

const sides = (pairing) => ({
  main: () => nameOf(pairing.main_room_id),
  site: () => nameOf(pairing.receiving_room_id),
});

// A step that would take lessons away is asked for a second time, with their number.
async function take(step, pairing, warning = null) {
  const answer = await asked(step, pairing, warning);
  if (!answer) return;
  const body = { reason: answer.reason || null };
  if (step === "renew") body.valid_to = answer.until;
  if (warning) body.lessons = "drop";
  const headers = { ...(await identity()), "Content-Type": "application/json", "If-Match": `"${pairing.version}"` };
  const path = `/api/v1/pairings/${pairing.id}/${step}`;
  try {
    await send(path, { method: "POST", headers, body: JSON.stringify(body) });
  } catch (failure) {
    if (failure.code !== "pairing.lessons_planned") throw failure;
    return take(step, pairing, { count: failure.problem.total, reason: answer.reason });
  }
  say(byId("done"), "pairings.done");
  await load();
  goOnFrom(byId("pairings").querySelector("button") ?? byId("which"));
}

function asked(step, pairing, warning) {
  say(byId("ask"), STEPS[step]);
  say(byId("act"), warning ? "pairings.drop" : STEPS[step]);
  say(byId("about"), "pairings.between", sides(pairing));
  byId("until-field").hidden = step !== "renew";
  byId("reason").value = warning?.reason ?? "";
  byId("warning").hidden = !warning;
  if (warning) say(byId("warning"), "pairings.lessons_planned", warning);
  const dialog = byId("asking");
  const missing = () => NEEDS_REASON.includes(step) && !byId("reason").value.trim() && "pairings.no_reason";
  const form = byId("deciding");
  form.onsubmit = (event) => {
    const lacks = missing() || (step === "renew" && !byId("until").value && "pairings.no_until");
    if (event.submitter?.value !== "yes" || !lacks) return;
    event.preventDefault();
    say(byId("warning"), lacks);
    byId("warning").hidden = false;
  };
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    const given = () => ({ reason: byId("reason").value.trim(), until: byId("until").value });
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" && given()), { once: true });
  });
}

async function attempt(act) {
  byId("fault").hidden = true;
  byId("done").textContent = "";
  try {
    await act();
  } catch (failure) {
    const stale = failure instanceof ApiError && failure.status === 412;
    tellFault(byId("fault"), stale ? { words: "pairings.stale" } : failure);
    byId("fault").scrollIntoView({ block: "center" });
    if (stale) await load();
  }
}
