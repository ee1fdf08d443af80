// Putting bells in force, changing them, taking them back: what it would mean is told first, and done upon a Yes.

import { ask, get, post } from "./api.js";
import { BellFields } from "./bell_fields.js";
import { longDay, timeIn } from "./dates.js";
import { tellFault } from "./fault.js";
import { button, closePanel, form, openPanel, prepare } from "./form.js";
import { say, text } from "./i18n.js";
import { child } from "./page.js";
import { loadSubjects, titleOf } from "./subjects.js";

const PATH = "/api/v1/bell-schedules";
const MOST = 8;
const CONCERNED = ["bells.lessons_planned", "bells.sites_apart", "bells.clash"]; // refusals that name lessons as the effects do

export function putInForce(given, proposal) {
  const { unit, changed } = given;
  openForm(given, openPanel("bells.add.to", { name: unit.name }), proposal, {
    mayCut: true,
    yes: "bells.add.yes",
    effects: (wish) => post(`${PATH}/effects`, { org_unit_id: unit.id, ...wish }),
    act: async (wish, query) => {
      await post(`${PATH}${query}`, { org_unit_id: unit.id, ...wish });
      await changed("bells.added", { name: wish.name });
    },
  });
}

export function changeBells(given, schedule) {
  const { today, changed } = given;
  const body = openPanel("bells.change.of", { name: schedule.name });
  if (schedule.valid_from <= today) say(child(body, "p", "hint"), "bells.change.hint");
  openForm(given, body, schedule, {
    mayCut: false,
    yes: "bells.change.yes",
    effects: (wish) => post(`${PATH}/${schedule.id}/effects`, wish),
    act: async (wish, query) => {
      await ask("PATCH", `${PATH}/${schedule.id}${query}`, wish, schedule.version);
      await changed("bells.changed", { name: wish.name });
    },
  });
}

export async function takeBack(given, schedule) {
  const { name, id, version } = schedule;
  const body = openPanel("bells.remove.of", { name });
  say(child(body, "p", "hint"), "bells.remove.hint");
  const parts = { findings: child(body, "div", "findings"), fault: child(body, "p", "fault") };
  parts.findings.setAttribute("role", "status");
  parts.fault.setAttribute("role", "alert");
  parts.fault.hidden = true;
  const foreseen = () => post(`${PATH}/${id}/delete/effects`).then((effects) => foretell(parts, effects, given, { yes: "bells.remove.yes", no: closePanel, act }));
  await prepare(body, foreseen, () => takeBack(given, schedule));

  async function act(query) {
    await ask("DELETE", `${PATH}/${id}${query}`, undefined, version);
    await given.changed("bells.removed", { name });
  }
}

// The fields of a schedule. The effects are those of what is filled in: another letter, and they are asked for anew.
function openForm(given, body, schedule, { mayCut, yes, effects, act }) {
  const mark = (failure) => fields.mark(failure, given.own);
  const parts = form(body, "bells.ask", () => foresee(), mark);
  const fields = new BellFields(parts.fields, schedule, mayCut);
  let asked = 0;

  async function foresee() {
    fields.unmark();
    const [mine, wish] = [++asked, fields.wish()];
    const found = await effects(wish);
    if (mine !== asked) return; // something else is filled in by now
    await foretell(parts, found, given, { yes, mark, no: back, act: (query) => act(wish, query) });
    if (mine !== asked) back();
  }

  // To the fields again, as they are filled in.
  function back() {
    asked++;
    parts.ways.hidden = false;
    parts.findings.replaceChildren();
  }

  parts.whole.addEventListener("input", back);
}

// What a change means, and the button that does it. What stands in its way is told instead: lessons that would lie
// outside of a site's periods, and those that would meet others.
async function foretell(parts, effects, given, wanted) {
  const { findings, fault } = parts;
  await tellEffects(findings, effects, given.zone);
  const cannotBe = effects.total_apart + effects.total_clashes > 0;
  if (parts.ways) parts.ways.hidden = !cannotBe;
  if (cannotBe) return findings.scrollIntoView({ block: "nearest" });
  const ways = child(findings, "div", "choices");
  const go = button(ways, wanted.yes, carryOut, "main-button");
  button(ways, "bells.no", () => {
    wanted.no();
    parts.go?.focus();
  });
  go.focus();
  findings.scrollIntoView({ block: "nearest" });

  // What was planned since then is told first: nobody said Yes to that.
  async function carryOut() {
    go.disabled = true;
    fault.hidden = true;
    try {
      await wanted.act(effects.total_moving || effects.total_falling ? "?lessons=follow" : "");
    } catch (failure) {
      const { code, problem } = failure;
      if (CONCERNED.includes(code) && problem.moving) await foretell(parts, problem, given, wanted);
      else if (!wanted.mark?.(failure)) tellFault(fault, failure);
    } finally {
      go.disabled = false;
    }
  }
}

async function tellEffects(place, effects, zone) {
  const { moving, falling, apart, clashes } = effects;
  const ids = [...new Set(apart.slice(0, MOST).map(({ site_id: id }) => id))];
  const [sites] = await Promise.all([Promise.all(ids.map((id) => get(`/api/v1/org-units/${id}`))), loadSubjects()]);
  const siteOf = (id) => sites.find((site) => site.id === id)?.name;
  place.replaceChildren();
  if (!moving.length && !falling.length && !apart.length) return say(child(place, "p"), "bells.effects.none");
  list(place, "bells.effects.apart", effects.total_apart, apart, (line, each) =>
    say(line, "bells.effect.apart", { ...words(each, zone), site: siteOf(each.site_id) }),
  );
  if (apart.length) say(child(place, "p"), "bells.apart.way_out");
  if (clashes.length) tellClashes(place, effects, zone);
  if (apart.length || clashes.length) return; // what else would follow matters when it can be done
  list(place, "bells.effects.moving", effects.total_moving, moving, (line, each) => say(line, "bells.effect.moving", words(each, zone)));
  list(place, "bells.effects.falling", effects.total_falling, falling, (line, each) => say(line, "change.what", words(each, zone)));
}

// Lessons that would come to lie where their teacher, room or pupils have another one.
function tellClashes(place, { clashes, total_clashes: total }, zone) {
  list(place, "bells.effects.clashes", total, clashes, (line, clash) => {
    const others = { other: () => titleOf(clash), since: timeIn(clash.starts_at, zone), until: timeIn(clash.ends_at, zone) };
    const what = () => text(`bells.taken.${clash.resource}`, { name: clash.name });
    say(line, "bells.effect.clash", { ...words(clash.moving, zone), ...others, what });
  });
  say(child(place, "p"), "bells.clashes.way_out");
  const link = child(child(place, "div", "choices"), "a", "button");
  link.href = "/timetable";
  say(link, "bells.clashes.to_timetable");
}

function list(place, key, total, found, fill) {
  if (!total) return;
  say(child(place, "p", "finding-sum"), key, { count: total });
  const lines = child(place, "ul", "finding-list");
  for (const each of found.slice(0, MOST)) fill(child(lines, "li"), each);
  if (total > MOST) say(child(lines, "li"), "clash.more", { count: total - MOST });
}

function words({ title, date, period, starts_at: was, new_starts_at: from, new_ends_at: to }, zone) {
  const at = (moment) => (moment ? timeIn(moment, zone) : "");
  return { title: () => titleOf({ title }), day: longDay(date), number: period, was: at(was), from: at(from), to: at(to) };
}
