// The county as a tree. Only what is opened is asked for: a township with all below it takes one answer of some 5 kB.

import { get, getAll } from "./api.js";
import { tellFault } from "./fault.js";
import { begin, whoIsHere } from "./frame.js";
import { say } from "./i18n.js";
import { byId } from "./page.js";
import { Tree } from "./tree.js";
import { byRank, notesOn, pageOf } from "./units.js";

const PAUSE = 200; // after the last letter, before the search begins
const MOST_FOUND = 200;
const MOST_UNITS_PAGES = 50; // a search goes through 10,000 units at most

const known = { county: null, units: new Map(), below: new Map(), open: new Set(), all: false };
let found = null; // while somebody seeks: ids of what is `shown`, and of what is `open` with all below it
let timer = null;

const tree = new Tree(byId("tree"), {
  nodes: () => [node(known.county)].filter(({ id }) => !found || found.shown.has(id)),
  toggle: (id, open) => attempt(() => toggle(id, open)),
  moved: (id) => history.replaceState(null, "", `${location.pathname}?${new URLSearchParams({ at: id })}`),
});
byId("seek").addEventListener("input", seekSoon);
const begun = begin(start, byId("news"));
if (byId("seek").value) seekSoon(); // typed before there was anybody to listen

function seekSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => attempt(seek), PAUSE);
}

async function start() {
  const me = await whoIsHere();
  known.county = await get(`/api/v1/org-units/${me.county_id}`);
  remember(known.county);
  const own = me.assignments.find(({ org_unit_id: id }) => id !== me.county_id)?.org_unit_id;
  const at = new URLSearchParams(location.search).get("at") ?? own;
  await open(known.county.id);
  if (at && at !== known.county.id) await reveal(at);
  tree.draw();
  say(byId("news"), "county.ready");
  if (at) tree.goTo(at);
}

function remember(unit) {
  known.units.set(unit.id, unit);
}

// A unit as the tree draws it. Whether there is anything below it is known once it, or one above it, was opened.
function node(unit) {
  const { id, name, kind } = unit;
  const children = kind === "teaching_site" ? [] : (known.below.get(id) ?? null);
  const shown = children?.filter((each) => !found || found.shown.has(each.id) || found.open.has(id));
  const isOpen = found ? found.open.has(id) || shown?.some((each) => found.shown.has(each.id)) : known.open.has(id);
  return {
    id,
    name,
    kind: `county.kind.${kind}`,
    href: pageOf(id),
    notes: notesOn(unit),
    children: children?.length === 0 ? null : isOpen ? shown.map((each) => node(each)) : [],
    open: Boolean(isOpen),
  };
}

async function toggle(id, isOpen) {
  if (found) {
    if (isOpen) found.open.add(id);
    else closeFound(id);
  } else if (isOpen) await open(id);
  else known.open.delete(id);
  tree.draw();
}

// What was found below stays hidden then; the next search shows it again.
function closeFound(id) {
  found.open.delete(id);
  for (const each of known.below.get(id) ?? []) {
    found.shown.delete(each.id);
    closeFound(each.id);
  }
}

async function open(id) {
  if (!known.below.has(id)) await load(known.units.get(id));
  known.open.add(id);
}

// The units directly below the county; of any other unit, everything below it.
async function load({ id, kind }) {
  const isWhole = kind !== "county";
  hang(id, await getAll(`/api/v1/org-units?${new URLSearchParams({ [isWhole ? "org_unit_id" : "parent_id"]: id })}`), isWhole);
}

// Hangs units below this one; with `isWhole` they are all there are, so those with nothing below them have nothing.
function hang(id, units, isWhole) {
  const below = new Map((isWhole ? [id, ...units.map((unit) => unit.id)] : [id]).map((each) => [each, []]));
  for (const unit of units) {
    remember(unit);
    below.get(unit.parent_id)?.push(unit);
  }
  for (const [each, children] of below) known.below.set(each, children.sort(byRank));
}

// Opens the way down to a unit.
async function reveal(id) {
  const way = [];
  try {
    for (let at = id; at !== known.county.id; ) {
      const unit = known.units.get(at) ?? (await get(`/api/v1/org-units/${at}`));
      way.unshift(unit);
      at = unit.parent_id;
    }
  } catch (failure) {
    if (failure.status === 404) return; // an address that was kept too long
    throw failure;
  }
  for (const { id: each } of way.slice(0, -1)) await open(each);
}

async function seek() {
  await begun; // what is typed early is looked for when the county is there
  if (!known.county) return;
  const wanted = byId("seek").value.trim().toLowerCase();
  if (!wanted) {
    found = null;
    tree.draw();
    return say(byId("news"), "county.ready");
  }
  if (!known.all) {
    say(byId("news"), "county.seeking");
    hang(known.county.id, await getAll("/api/v1/org-units", MOST_UNITS_PAGES), true);
    known.all = true;
    if (wanted !== byId("seek").value.trim().toLowerCase()) return; // more was typed meanwhile, and is looked for next
  }
  const fits = ({ name, code }) => `${name} ${code}`.toLowerCase().includes(wanted);
  const hits = [...known.units.values()].filter(fits);
  found = { open: new Set(), shown: new Set() };
  for (const hit of hits.slice(0, MOST_FOUND)) {
    for (let unit = hit; unit; unit = known.units.get(unit.parent_id)) found.shown.add(unit.id);
  }
  tree.draw();
  say(byId("news"), hits.length > MOST_FOUND ? "county.found.more" : hits.length ? "county.found" : "county.found.none", { sought: wanted, count: hits.length, most: MOST_FOUND });
}

async function attempt(act) {
  try {
    byId("fault").hidden = true;
    await act();
  } catch (failure) {
    byId("news").textContent = ""; // nothing is being looked for any more
    tellFault(byId("fault"), failure);
  }
}
