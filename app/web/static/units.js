// What the pages of the county's units have in common: the words for a unit, and who looks after it.

import { longDay } from "./dates.js";

// What may stand directly below a unit, and which rooms may be in it.
export const BELOW = {
  county: ["township", "school", "teaching_site"],
  township: ["school", "teaching_site"],
  school: ["teaching_site"],
  teaching_site: [],
};
export const ROOMS = {
  county: ["main", "recording"],
  township: ["main", "recording"],
  school: ["main", "receiving", "recording"],
  teaching_site: ["receiving", "main", "recording"],
};
// Which roles are held there.
export const ROLES = {
  county: ["bureau_admin"],
  township: [],
  school: ["teacher", "site_assistant", "school_admin"],
  teaching_site: ["site_assistant", "teacher"],
};
const RANK = ["county", "township", "school", "teaching_site"];

export const pageOf = (id) => `/unit?${new URLSearchParams({ id })}`;
export const treeAt = (id) => `/county?${new URLSearchParams({ at: id })}`;
export const bellsOf = (id) => `/bells?${new URLSearchParams({ id })}`;
export const isBureau = (me) => me.assignments.some(({ role }) => role === "bureau_admin");

// Whether somebody administers a unit, given it and all above it.
export function looksAfter(me, chain) {
  const own = me.assignments.filter(({ role }) => role === "school_admin").map((duty) => duty.org_unit_id);
  return isBureau(me) || chain.some(({ id }) => own.includes(id));
}

// [key, values]s of what is to be known of a unit or room beside its name.
export function notesOn({ closed_from: day }) {
  return day ? [["county.closed_from", { day: longDay(day) }]] : [];
}

export function byRank(one, other) {
  return RANK.indexOf(one.kind) - RANK.indexOf(other.kind) || one.name.localeCompare(other.name, "zh", { numeric: true });
}
