// Parts that the sections of a unit's page share: facts, emptying, and closing from a day on.

import { ask } from "./api.js";
import { longDay } from "./dates.js";
import { field, form, input, openPanel } from "./form.js";
import { say } from "./i18n.js";
import { byId, child } from "./page.js";
import { loadSubjects, titleOf } from "./subjects.js";

const MOST = 8;
const OF_GROUP = "pupil_group.still_planned"; // which names no pairings
const STILL_PLANNED = ["room.still_planned", OF_GROUP];

// Empties a section but for its heading; returns the place for what comes.
export function refill(name) {
  const section = byId(name);
  section.hidden = false;
  section.replaceChildren(section.firstElementChild);
  return section;
}

export function fact(facts, key, fill) {
  say(child(facts, "dt"), key);
  fill(child(facts, "dd"));
}

// A table with these heads; returns its body.
export function table(parent, ...heads) {
  const whole = child(child(parent, "div", "scroll"), "table", "wide-table");
  const row = child(child(whole, "thead"), "tr");
  for (const key of heads) {
    const head = child(row, key ? "th" : "td");
    if (!key) continue;
    head.scope = "col";
    say(head, key);
  }
  return child(whole, "tbody");
}

// Asks from which day on a unit, room or pupil group is no more. What is planned there is in the way, and is named.
export function askClosing(path, { name, version }, hint, changed) {
  const parts = form(openPanel("unit.close.of", { name }), "unit.close", () => close(), (failure) => explain(failure));
  say(child(parts.fields, "p", "hint"), hint);
  const day = field(parts.fields, "unit.close.from", input("date", "", { required: true }));
  day.focus();

  async function close() {
    if (!day.value) throw { words: "unit.close.no_day" };
    await ask("POST", `${path}/close`, { closed_from: day.value }, version);
    await changed("unit.closed", { name, day: longDay(day.value) });
  }

  async function explain({ code, problem }) {
    if (!STILL_PLANNED.includes(code)) return false;
    await loadSubjects();
    const { lessons, pairings = [], total_lessons: count, total_pairings: agreed = 0 } = problem;
    const place = parts.findings;
    if (count) {
      say(child(place, "p", "finding-sum"), "unit.close.lessons", { count });
      const list = child(place, "ul", "finding-list");
      for (const { date, period, title } of lessons.slice(0, MOST)) {
        say(child(list, "li"), "change.what", { title: () => titleOf({ title }), day: longDay(date), number: period });
      }
      if (count > MOST) say(child(list, "li"), "clash.more", { count: count - MOST });
    }
    const last = pairings.map(({ valid_to: to }) => to).sort().at(-1);
    if (agreed) say(child(place, "p", "finding-sum"), "unit.close.pairings", { count: agreed, day: longDay(last) });
    say(child(place, "p"), code === OF_GROUP ? "pupils.group.close.way_out" : "unit.close.way_out");
    return true;
  }
}

export function reopening(path, { name, version }, changed) {
  return async () => {
    await ask("POST", `${path}/reopen`, undefined, version);
    await changed("unit.reopened", { name });
  };
}
