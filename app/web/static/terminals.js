// Where an administrator lets rooms' screens in and shuts them out. The QR code on a screen leads here with its code.

import { get, getAll, post } from "./api.js";
import { tellFault } from "./fault.js";
import { begin, whoIsHere } from "./frame.js";
import { clock, day, say } from "./i18n.js";
import { byId, child, goOnFrom } from "./page.js";

const CODE = "tongtang.code"; // survives the way through the sign-in page
let next = null;

const given = new URLSearchParams(location.hash.slice(1)).get("code");
if (given) {
  sessionStorage.setItem(CODE, given.slice(0, 8));
  history.replaceState(null, "", location.pathname);
}
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(connect);
});
byId("more").addEventListener("click", () => attempt(load));
byId("code").value ||= sessionStorage.getItem(CODE) ?? "";
begin(() => Promise.all([fillRooms(), anew()]), byId("empty"));

// The main classrooms and receiving rooms of the units one administers, with the names of their schools and sites.
async function fillRooms() {
  const [me, units, rooms] = [await whoIsHere(), await getAll("/api/v1/org-units"), await getAll("/api/v1/rooms")];
  const byUnit = new Map(units.map((unit) => [unit.id, unit]));
  const mine = new Set(me.assignments.filter(({ role }) => role.endsWith("_admin")).map((held) => held.org_unit_id));
  const within = (id) => {
    for (let unit = byUnit.get(id); unit; unit = byUnit.get(unit.parent_id)) if (mine.has(unit.id)) return true;
    return false;
  };
  const fitting = rooms.filter((each) => each.kind !== "recording" && within(each.org_unit_id));
  byId("room").replaceChildren();
  // Nothing is chosen beforehand where there is a choice: a screen in the wrong room shows the wrong lessons.
  if (fitting.length > 1) {
    const none = child(byId("room"), "option");
    none.value = "";
    say(none, "terminals.which");
  }
  for (const room of fitting) {
    const option = child(byId("room"), "option");
    option.value = room.id;
    option.textContent = `${byUnit.get(room.org_unit_id).name} · ${room.name}`;
  }
  say(byId("done"), byId("room").options.length ? "terminals.choose" : "terminals.no_rooms");
  byId("go").disabled = !byId("room").options.length;
}

async function connect() {
  const code = byId("code").value.trim();
  if (!code) {
    say(byId("fault"), "terminals.no_code");
    byId("fault").hidden = false;
    return byId("code").focus();
  }
  if (!byId("room").value) {
    say(byId("fault"), "terminals.no_room");
    byId("fault").hidden = false;
    return byId("room").focus();
  }
  const made = await post("/api/v1/terminals", { code, room_id: byId("room").value });
  sessionStorage.removeItem(CODE);
  byId("code").value = "";
  byId("empty").hidden = true;
  byId("terminals").prepend(row(made));
  say(byId("done"), "terminals.connected", { room: made.room });
}

function anew() {
  next = null;
  return load();
}

async function load() {
  const query = new URLSearchParams({ limit: 50, ...(next ? { after: next } : {}) });
  const page = await get(`/api/v1/terminals?${query}`);
  next = page.next;
  byId("more").hidden = !next;
  if (!query.has("after")) byId("terminals").replaceChildren();
  byId("terminals").append(...page.items.map((terminal) => row(terminal)));
  byId("empty").hidden = byId("terminals").children.length > 0;
  if (!byId("empty").hidden) say(byId("empty"), "terminals.none");
}

function row(terminal) {
  const item = document.createElement("li");
  item.className = "lesson-row person";
  const what = child(item, "div");
  child(what, "h2", "row-title").textContent = terminal.room;
  const seen = child(what, "p", "row-state");
  if (terminal.last_seen_at) {
    const at = new Date(terminal.last_seen_at);
    say(seen, "terminals.seen", { day: day(at), time: clock(at) });
  } else {
    say(seen, "terminals.not_seen");
  }
  const ways = child(item, "div", "row-ways");
  const button = child(ways, "button", "button");
  button.type = "button";
  say(child(button, "span"), "terminals.remove");
  button.addEventListener("click", () => attempt(() => remove(terminal, item)));
  return item;
}

async function remove(terminal, item) {
  if (!(await agreed(terminal.room))) return;
  await post(`/api/v1/terminals/${terminal.id}/remove`);
  item.remove();
  goOnFrom(byId("terminals").querySelector("button") ?? byId("code"));
}

function agreed(room) {
  const dialog = byId("asking");
  say(byId("ask"), "terminals.remove.ask", { room });
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function attempt(act) {
  try {
    byId("fault").hidden = true;
    await act();
  } catch (failure) {
    tellFault(byId("fault"), failure);
  }
}
