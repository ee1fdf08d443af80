// A new agreement: the site, the subject, and the main rooms that suit it best, each with what speaks for it.

import { get, getAll, post } from "./api.js";
import { todayIn } from "./dates.js";
import { say, text } from "./i18n.js";
import { sayNoTerm } from "./no_term.js";
import { byId, child } from "./page.js";
import { subjectName } from "./subjects.js";

const REASONS = {
  capacity: "pairings.because.capacity",
  subject: "pairings.because.subject",
  bells: "pairings.because.bells",
  link: "pairings.because.link",
  distance: "pairings.because.distance",
  load: "pairings.because.load",
};

export async function wireProposing({ me, rooms, subjects, nameOf, zone, attempt, added }) {
  const terms = await getAll("/api/v1/terms");
  byId("propose").hidden = !terms.length;
  if (!terms.length) return sayNoTerm(child(byId("proposing"), "p", "hint"), me);
  fill("site", rooms.filter(({ kind }) => kind === "receiving").map((room) => [room.id, nameOf(room.id)]));
  fill("term", terms.map((term) => [term.id, term.name]));
  fill("subject", subjects.map((code) => [code, () => subjectName(code)]));
  for (const id of ["site", "term", "subject"]) byId(id).addEventListener("change", forget);
  const siteOf = new Map(rooms.map((room) => [room.id, room.org_unit_id]));
  byId("suggest").addEventListener("click", () => attempt(() => suggest(siteOf)));
  byId("propose").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => propose(terms, zone, added));
  });
  byId("suggest").disabled = false; // until now a press would have been lost
}

function fill(id, pairs) {
  for (const [value, name] of pairs) {
    const option = child(byId(id), "option");
    option.value = value;
    say(option, "reports.cell", { words: name });
  }
}

function forget() {
  byId("suggestions").hidden = byId("send").hidden = true;
}

async function suggest(siteOf) {
  const query = new URLSearchParams({
    site_id: siteOf.get(byId("site").value),
    subject: byId("subject").value,
    term_id: byId("term").value,
    limit: 5,
  });
  const { items } = await get(`/api/v1/pairings/suggestions?${query}`);
  byId("options").replaceChildren(...items.map((item, index) => option(item, index === 0)));
  if (!items.length) say(child(byId("options"), "p"), "pairings.no_suggestion");
  byId("suggestions").hidden = false;
  byId("send").hidden = items.length === 0;
}

function option(item, first) {
  const label = document.createElement("label");
  label.className = "option";
  const choice = child(label, "input");
  choice.type = "radio";
  choice.name = "main";
  choice.value = item.main_room_id;
  choice.checked = first;
  const words = child(label, "span");
  child(words, "strong").textContent = item.name;
  const why = item.reasons.filter(({ fact }) => fact !== null);
  const list = child(words, "span", "row-who");
  const say = () => why.map(({ item: about, fact }) => reason(about, fact)).join(" · ");
  list.textContent = item.is_possible ? say() : `${text("pairings.impossible")} ${say()}`;
  return label;
}

// Near is what shares more of the units above it: nothing, the township, the school.
const reason = (about, fact) => (about === "nearness" ? text(`pairings.because.nearness.${Math.min(fact, 2)}`) : text(REASONS[about], { fact }));

async function propose(terms, zone, added) {
  const term = terms.find(({ id }) => id === byId("term").value);
  const today = todayIn(zone);
  await post("/api/v1/pairings", {
    main_room_id: document.querySelector('input[name="main"]:checked').value,
    receiving_room_id: byId("site").value,
    subjects: [byId("subject").value],
    valid_from: term.first_day > today ? term.first_day : today,
    valid_to: term.last_day,
    state: "proposed",
  });
  forget();
  byId("which").value = byId("which").options[0].value;
  await added();
  say(byId("done"), "pairings.done");
  byId("which").focus();
}
