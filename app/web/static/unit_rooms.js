// The rooms of a unit: what they are for, their line, their equipment.

import { ask, getAll } from "./api.js";
import { button, field, form, input, openPanel, select, ticks } from "./form.js";
import { say, text } from "./i18n.js";
import { child } from "./page.js";
import { askClosing, fact, refill, reopening } from "./unit_parts.js";
import { notesOn, ROOMS } from "./units.js";

const EQUIPMENT = [
  "teacher_camera", "pupil_camera", "document_camera", "experiment_camera", "microphone_array", "wireless_microphone",
  "echo_canceller", "loudspeaker", "smart_blackboard", "projector", "display", "computer", "pupil_tablets", "ups",
];

const pathOf = ({ id }) => `/api/v1/rooms/${id}`;

export async function showRooms(given) {
  const { unit, mine } = given;
  const own = await ownRooms(unit);
  const body = refill("rooms");
  const list = child(body, "ul", "cards");
  for (const room of own) card(child(list, "li", "card"), room, given);
  if (!own.length) say(child(body, "p", "hint"), "unit.rooms.none");
  if (mine && !unit.closed_from) button(child(body, "div", "ways"), "room.add", () => add(given));
}

// The list has the rooms of everything below, too; of a county, only such as may be its own are asked for.
async function ownRooms({ id, kind }) {
  const kinds = kind === "county" ? ROOMS.county : [null];
  const found = await Promise.all(
    kinds.map((each) => getAll(`/api/v1/rooms?${new URLSearchParams({ org_unit_id: id, ...(each ? { kind: each } : {}) })}`)),
  );
  return found.flat().filter((room) => room.org_unit_id === id);
}

function card(place, room, given) {
  child(place, "h3").textContent = room.name;
  for (const [key, values] of notesOn(room)) say(child(place, "p", "badge"), key, values);
  const facts = child(place, "dl", "facts");
  fact(facts, "room.kind", (line) => say(line, `room.kind.${room.kind}`));
  fact(facts, "unit.code", (line) => (line.textContent = room.code));
  const speed = room.link_mbps_declared;
  fact(facts, "room.link", (line) => (speed ? (line.textContent = speed) : say(line, "room.unknown")));
  if (room.seats) fact(facts, "room.seats", (line) => (line.textContent = room.seats));
  const kinds = () => room.equipment_kinds.map((each) => text(`equipment.${each}`)).join(text("list.comma"));
  if (room.equipment_kinds.length) fact(facts, "room.equipment", (line) => say(line, "room.equipment.is", { kinds }));
  else fact(facts, "room.equipment", (line) => say(line, "room.unknown"));
  if (room.equipment) fact(facts, "room.notes", (line) => (line.textContent = room.equipment));
  const ways = child(place, "div", "ways");
  if (room.kind === "main") {
    const week = child(ways, "a", "button");
    week.href = `/timetable?${new URLSearchParams({ by: "room", id: room.id })}`;
    say(child(week, "span"), "timetable.heading");
  }
  if (!given.mine) return;
  const { attempt, changed } = given;
  button(ways, "room.change", () => change(room, given));
  if (room.closed_from) button(ways, "unit.reopen", () => attempt(reopening(pathOf(room), room, changed)));
  else button(ways, "unit.close", () => askClosing(pathOf(room), room, "room.close.hint", changed));
}

function change(room, { changed }) {
  const parts = form(openPanel("unit.change.of", { name: room.name }), "unit.save", async () => {
    await ask("PATCH", pathOf(room), wanted(), room.version);
    await changed("unit.saved");
  });
  const wanted = fields(parts.fields, room);
}

function add({ unit, changed }) {
  const parts = form(openPanel("room.add.to", { name: unit.name }), "room.add", async () => {
    if (!code.value.trim()) throw { words: "unit.no_code" };
    const body = { org_unit_id: unit.id, kind: kind.value, code: code.value.trim(), ...wanted() };
    const { name } = await ask("POST", "/api/v1/rooms", body);
    await changed("unit.added", { name });
  });
  const kinds = ROOMS[unit.kind].map((id) => ({ id, key: `room.kind.${id}` }));
  const kind = field(parts.fields, "room.kind", select(kinds));
  const code = field(parts.fields, "room.code", input("text", "", { maxLength: 32, autocomplete: "off" }));
  const wanted = fields(parts.fields, { name: "", equipment_kinds: [] });
  kind.focus();
}

// What may be changed of a room; answers how to read it.
function fields(place, room) {
  const name = field(place, "unit.name", input("text", room.name, { maxLength: 200, autocomplete: "off" }));
  const speed = room.link_mbps_declared ?? "";
  const link = field(place, "room.link.declared", input("number", speed, { min: 0.1, max: 100_000, step: "any" }));
  const seats = field(place, "room.seats.empty", input("number", room.seats ?? "", { min: 1, max: 10_000 }));
  const has = new Set(room.equipment_kinds);
  const items = EQUIPMENT.map((id) => ({ id, key: `equipment.${id}`, checked: has.has(id) }));
  const { set, chosen } = ticks(place, "checkbox", "room.equipment", items);
  set.classList.add("many");
  const notes = field(place, "room.notes.empty", document.createElement("textarea"));
  notes.value = room.equipment ?? "";
  notes.maxLength = 4000;
  return () => {
    if (!name.value.trim()) throw { words: "unit.no_name" };
    if (!link.validity.valid) throw { words: "room.link.wrong" };
    if (!seats.validity.valid) throw { words: "room.seats.wrong" };
    return {
      name: name.value.trim(),
      link_mbps_declared: link.value ? Number(link.value) : null,
      seats: seats.value ? Number(seats.value) : null,
      equipment_kinds: chosen(),
      equipment: notes.value.trim() || null,
    };
  };
}
