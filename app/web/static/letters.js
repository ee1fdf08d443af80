// Letters that could not be sent: whose, why, and to send them again. A part of the page /people, for the bureau.

import { get, post } from "./api.js";
import { clock, day, say } from "./i18n.js";
import { byId, child } from "./page.js";

const LETTERS = "/api/v1/undelivered-letters";
const SHOWN = 5;
// What the server writes down of a mail server's answer, by its beginning.
const REASONS = [
  ["the mail server does not take the address", "address"],
  ["the mail server answers", "refused"],
];
let next = null;

// `attempt(act)` does something and shows what went wrong; `find(name)` looks somebody up in the list of people.
export async function showLetters(attempt, find) {
  byId("letters-more").onclick = () => attempt(() => load(find));
  byId("letters-again").onclick = () => attempt(again);
  next = null;
  byId("letters-list").replaceChildren();
  await load(find);
}

async function load(find) {
  const page = await get(`${LETTERS}?limit=${SHOWN}${next ? `&after=${encodeURIComponent(next)}` : ""}`);
  next = page.next;
  byId("letters-list").append(...page.items.map((letter) => row(letter, find)));
  byId("letters").hidden = byId("letters-list").children.length === 0;
  byId("letters-more").hidden = !next;
}

function row({ name, attempts, created_at: madeAt, problem }, find) {
  const item = document.createElement("li");
  item.className = "lesson-row person";
  const what = child(item, "div");
  child(what, "h2", "row-title").textContent = name;
  const [, reason] = REASONS.find(([beginning]) => problem.startsWith(beginning)) ?? [null, "away"];
  say(child(what, "p", "row-state"), `people.letters.${reason}`);
  const made = new Date(madeAt);
  say(child(what, "p", "row-who"), "people.letters.of", { day: day(made), time: clock(made), attempts });
  const words = child(what, "p", "row-who");
  words.lang = "en";
  words.textContent = problem;
  const look = child(child(item, "div", "row-ways"), "button", "button");
  look.type = "button";
  say(child(look, "span"), "people.letters.find");
  look.addEventListener("click", () => find(name));
  return item;
}

async function again() {
  const { letters } = await post(`${LETTERS}/send-again`);
  for (const id of ["letters-list", "letters-more", "letters-again"]) byId(id).hidden = true;
  say(byId("letters-told"), letters ? "people.letters.sent" : "people.letters.too_old", { letters });
}
