// One unit of the county: what it is, what is below it, its rooms, its pupils, and who works there.

import { ask, get, getAll } from "./api.js";
import { tellFault } from "./fault.js";
import { button, closePanel, field, form, input, openPanel, panelFrom, select } from "./form.js";
import { begin, whoIsHere } from "./frame.js";
import { say } from "./i18n.js";
import { byId, child, goOnFrom } from "./page.js";
import { showPupils } from "./unit_pupils.js";
import { showRooms } from "./unit_rooms.js";
import { showStaff } from "./unit_staff.js";
import { askClosing, fact, refill, reopening } from "./unit_parts.js";
import { BELOW, bellsOf, byRank, isBureau, looksAfter, notesOn, pageOf, treeAt } from "./units.js";

const id = new URLSearchParams(location.search).get("id") ?? "";
const PATH = `/api/v1/org-units/${encodeURIComponent(id)}`;
let me = null;

begin(open, byId("news"));

async function open() {
  me = await whoIsHere();
  try {
    await show();
    say(byId("news"), "unit.ready");
  } catch (failure) {
    if (failure.status !== 404) throw failure;
    say(byId("news"), "unit.unknown");
  }
}

// Everything anew, as it is now.
async function show() {
  const unit = await get(PATH);
  const chain = [unit, ...(await above(unit))];
  const given = { unit, chain, me, mine: looksAfter(me, chain), changed, attempt };
  showWay(chain);
  byId("name").removeAttribute("data-text");
  byId("name").textContent = unit.name;
  showWhat(given);
  byId("unit").hidden = false;
  await Promise.all([showBelow(given), showRooms(given), showPupils(given), showStaff(given)]);
}

async function above({ parent_id: parent }) {
  if (!parent) return [];
  const unit = await get(`/api/v1/org-units/${parent}`);
  return [unit, ...(await above(unit))];
}

// After something was done: everything as it is now, and what was done in words.
async function changed(key, given = {}) {
  closePanel();
  await attempt(show);
  say(byId("news"), key, given);
  goOnFrom(panelFrom()?.querySelector("h2") ?? byId("name"));
}

function showWay(chain) {
  byId("way").replaceChildren();
  const link = (href, fill) => {
    const way = child(child(byId("way"), "li"), "a");
    way.href = href;
    fill(way);
  };
  link(treeAt(id), (way) => say(way, "county.heading"));
  for (const unit of chain.slice(1).reverse()) link(pageOf(unit.id), (way) => (way.textContent = unit.name));
}

function showWhat({ unit, attempt: carryOut }) {
  const body = refill("what");
  const notes = notesOn(unit);
  for (const [key, values] of notes) say(child(body, "p", "badge"), key, values);
  const facts = child(body, "dl", "facts");
  fact(facts, "unit.kind", (line) => say(line, `county.kind.${unit.kind}`));
  fact(facts, "unit.code", (line) => (line.textContent = unit.code));
  if (unit.address) fact(facts, "unit.address", (line) => (line.textContent = unit.address));
  if (unit.coordinates) fact(facts, "unit.coordinates", (line) => say(line, "unit.coordinates.are", unit.coordinates));
  const ways = child(body, "div", "ways");
  const bells = child(ways, "a", "button");
  bells.href = bellsOf(id);
  say(bells, "bells.heading");
  if (!isBureau(me)) return;
  button(ways, "unit.change", () => change(unit));
  if (unit.kind === "county") return;
  if (unit.closed_from) button(ways, "unit.reopen", () => carryOut(reopening(PATH, unit, changed)));
  else button(ways, "unit.close", () => askClosing(PATH, unit, "unit.close.hint", changed));
}

function change(unit) {
  const parts = form(openPanel("unit.change.of", { name: unit.name }), "unit.save", async () => {
    const [north, east] = [latitude.value.trim(), longitude.value.trim()];
    if (!name.value.trim()) throw { words: "unit.no_name" };
    if (Boolean(north) !== Boolean(east)) throw { words: "unit.half_a_place" };
    const coordinates = north ? { latitude: Number(north), longitude: Number(east) } : null;
    if (north && !(Math.abs(north) <= 90 && Math.abs(east) <= 180)) throw { words: "unit.no_such_place" };
    await ask("PATCH", PATH, { name: name.value.trim(), address: address.value.trim() || null, coordinates }, unit.version);
    await changed("unit.saved");
  });
  const name = field(parts.fields, "unit.name", input("text", unit.name, { maxLength: 200 }));
  const address = field(parts.fields, "unit.address.empty", input("text", unit.address ?? "", { maxLength: 200 }));
  const degrees = { inputMode: "decimal", autocomplete: "off" };
  const latitude = field(parts.fields, "unit.latitude", input("text", unit.coordinates?.latitude ?? "", degrees));
  const longitude = field(parts.fields, "unit.longitude", input("text", unit.coordinates?.longitude ?? "", degrees));
  name.focus();
}

async function showBelow({ unit }) {
  byId("below").hidden = !BELOW[unit.kind].length;
  if (byId("below").hidden) return;
  const found = (await getAll(`/api/v1/org-units?${new URLSearchParams({ parent_id: id })}`)).sort(byRank);
  const body = refill("below");
  const list = child(body, "ul", "links");
  for (const each of found) {
    const link = child(child(list, "li"), "a");
    link.href = pageOf(each.id);
    child(link, "span").textContent = each.name;
    say(child(link, "span", "node-kind"), `county.kind.${each.kind}`);
    for (const [key, values] of notesOn(each)) say(child(link, "span", "badge"), key, values);
  }
  if (!found.length) say(child(body, "p", "hint"), "unit.below.none");
  if (isBureau(me) && !unit.closed_from) button(child(body, "div", "ways"), "unit.add", () => add(unit));
}

function add(above) {
  const parts = form(openPanel("unit.add.to", { name: above.name }), "unit.add.go", async () => {
    if (!name.value.trim()) throw { words: "unit.no_name" };
    if (!code.value.trim()) throw { words: "unit.no_code" };
    const body = { parent_id: id, kind: kind.value, code: code.value.trim(), name: name.value.trim() };
    const { name: added } = await ask("POST", "/api/v1/org-units", body);
    await changed("unit.added", { name: added });
  });
  const kinds = BELOW[above.kind].map((each) => ({ id: each, key: `county.kind.${each}` }));
  const kind = field(parts.fields, "unit.kind", select(kinds));
  const name = field(parts.fields, "unit.name", input("text", "", { maxLength: 200, autocomplete: "off" }));
  const code = field(parts.fields, "unit.code.official", input("text", "", { maxLength: 32, autocomplete: "off" }));
  kind.focus();
}

async function attempt(act) {
  try {
    byId("fault").hidden = true;
    await act();
  } catch (failure) {
    tellFault(byId("fault"), failure);
    byId("fault").scrollIntoView({ block: "center" });
  }
}
