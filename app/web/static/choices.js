// What can be chosen from: rooms, schools, sites, teachers, pupil groups. Each list is asked for once, when it is needed;
// groups are searched for.

import { get, getAll } from "./api.js";
import { holds } from "./frame.js";

const PLACES = ["school", "teaching_site"];
const GONE = ["cancelled", "moved", "missed", "ended", "archived"];
export const MOST_FOUND = 50;
const LONGEST_LESSON = 4 * 3_600_000;
const kept = new Map();

function once(key, ask) {
  if (!kept.has(key)) {
    const answer = ask();
    kept.set(key, answer);
    answer.catch(() => kept.delete(key)); // the next one who needs it asks again
  }
  return kept.get(key);
}

const list = (path) => once(path, () => getAll(path));
const byName = (one, other) => one.name.localeCompare(other.name, "zh", { numeric: true });

// Schools, teaching sites or both, by id.
async function units(...kinds) {
  const found = await Promise.all(kinds.map((kind) => list(`/api/v1/org-units?kind=${kind}`)));
  return new Map(found.flat().map((unit) => [unit.id, unit]));
}

const within = (of, name, unit) => (of.has(unit) ? `${of.get(unit).name} · ${name}` : name);

async function rooms(kind, ...places) {
  const [found, of] = await Promise.all([list(`/api/v1/rooms?kind=${kind}`), units(...places)]);
  return found.map(({ id, name, org_unit_id: unit }) => ({ id, unit, name: within(of, name, unit) }));
}

export const mainRooms = () => once("main rooms", async () => (await rooms("main", "school")).sort(byName));
export const receivingRooms = () => once("receiving rooms", () => rooms("receiving", ...PLACES));

export async function sites() {
  const found = await list("/api/v1/org-units?kind=teaching_site");
  return found.map(({ id, name }) => ({ id, name, unit: id })).sort(byName);
}

const asTeacher = ({ id, name, assignments }) => ({ id, name, unit: assignments.find(({ role }) => role === "teacher")?.org_unit_id });

// A county has thousands of teachers: those of a school, or those whose names begin so, as many as one looks through.
export async function teachersAt(school) {
  const query = new URLSearchParams({ role: "teacher", active: true, org_unit_id: school });
  return (await list(`/api/v1/people?${query}`)).map(asTeacher).sort(byName);
}

// Those who may not look at people see themselves.
export async function teachersNamed(name, me) {
  if (!holds(me, "bureau_admin", "school_admin")) return [asTeacher(me)].filter(({ unit }) => unit);
  const query = new URLSearchParams({ role: "teacher", active: true, sort: "name", limit: MOST_FOUND, ...(name ? { name } : {}) });
  return (await get(`/api/v1/people?${query}`)).items.map(asTeacher).sort(byName);
}

export const teacher = async (id) => asTeacher(await get(`/api/v1/people/${encodeURIComponent(id)}`));

const asGroup = (of) => ({ id, name, org_unit_id: unit, closed_from: closed }) => ({ id, unit, closed, name: within(of, name, unit) });

// A county has more than a thousand groups: those of some units, or those that are called so, as many as one looks through.
export async function groupsOf(...ids) {
  if (!ids.length) return [];
  const query = new URLSearchParams(ids.map((id) => ["unit_id", id]));
  const [found, of] = await Promise.all([list(`/api/v1/pupil-groups?${query}`), units(...PLACES)]);
  return found.map(asGroup(of)).sort(byName);
}

export async function groupsNamed(name, unit, day) {
  const query = new URLSearchParams({ on: day, limit: MOST_FOUND, ...(name ? { name } : {}), ...(unit ? { org_unit_id: unit } : {}) });
  const [{ items }, of] = await Promise.all([get(`/api/v1/pupil-groups?${query}`), units(...PLACES)]);
  return items.map(asGroup(of)).sort(byName);
}

export async function group(id) {
  const [found, of] = await Promise.all([get(`/api/v1/pupil-groups/${encodeURIComponent(id)}`), units(...PLACES)]);
  return asGroup(of)(found);
}

// The periods of a unit's bells on a day; none where no bells are in force.
export function periods(unit, day) {
  return once(`bells ${unit} ${day}`, async () => {
    try {
      return (await get(`/api/v1/org-units/${unit}/bell-schedule?on=${day}`)).periods;
    } catch (failure) {
      if (failure.status === 404) return [];
      throw failure;
    }
  });
}

// Who teaches while a lesson is on, by id; those in the lesson itself are not counted.
export async function teachingWhile(lesson) {
  const [starts, ends] = [new Date(lesson.starts_at), new Date(lesson.ends_at)];
  const from = new Date(starts - LONGEST_LESSON).toISOString(); // the API selects by start
  const found = await getAll(`/api/v1/lessons?${new URLSearchParams({ from, to: ends.toISOString() })}`);
  const held = found.filter((other) => other.id !== lesson.id && !GONE.includes(other.state) && new Date(other.ends_at) > starts);
  return new Set(held.map(({ teacher }) => teacher.id));
}

// The agreements of a main room that are active on a day.
export async function pairingsOf(room, day) {
  const found = await list(`/api/v1/pairings?main_room_id=${room}&on=${day}`);
  return found.filter(({ state }) => state === "active" || state === "approved");
}
