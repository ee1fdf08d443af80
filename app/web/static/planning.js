// Planning a weekly lesson, and publishing drafts. The server is asked at every change whether the plan would do.

import { ApiError, post } from "./api.js";
import { pairedRooms, periodWords, teacherOptions, unique } from "./changing.js";
import * as choices from "./choices.js";
import { isClash, showFindings } from "./clashes.js";
import { mondayOfWeek, weekdayName } from "./dates.js";
import { tellFault } from "./fault.js";
import { addOption, closePanel, field, form, input, openPanel, prepare, select, ticks } from "./form.js";
import { say } from "./i18n.js";
import { child } from "./page.js";
import { PersonChoice } from "./persons.js";
import { subjectName } from "./subjects.js";

const PAUSE = 400; // after the last change, before the server is asked
const PATTERNS = ["every", "odd", "even", "listed"];
const MODES = ["synchronous", "dedicated", "event"];
const CHECK = "/api/v1/timetable-entries/check";
const hasAny = (some, others) => some.some((each) => others.includes(each));

// start: { by, whose, teacher, weekday, period, week }, whatever is known of the wish.
export async function openPlanning(start, given) {
  const plan = new Planning(start, given);
  await plan.open(() => openPlanning(start, given));
}

class Planning {
  #start;
  #given;
  #parts;
  #controls = {};
  #teachers;
  #rooms = [];
  #likely = []; // teachers to choose from beside those of the school
  #asked = 0;
  #timer = null;

  constructor(start, given) {
    this.#start = start;
    this.#given = given;
  }

  async open(again) {
    this.#parts = form(openPanel("timetable.plan"), "plan.go", () => this.#carryOut(), (failure) => this.#explain(failure));
    this.#parts.go.disabled = true; // nothing can be sent before there is something to choose from
    if (await prepare(this.#parts.fields, () => this.#fill(), again)) this.#parts.go.disabled = false;
  }

  async #fill() {
    const { fields } = this.#parts;
    fields.classList.add("two");
    const { by, whose, teacher } = this.#start;
    const rooms = await choices.mainRooms();
    this.#rooms = rooms;
    this.#likely = teacher ? [teacher] : [];
    const known = this.#controls;
    known.room = field(fields, "timetable.by.room", select(rooms, by === "room" ? whose : this.#roomOf(teacher?.unit)));
    known.subject = field(fields, "lesson.subject", document.createElement("select"));
    known.title = field(fields, "plan.title", input("text", "", { maxLength: 200, autocomplete: "off" }));
    this.#addTeacher();
    this.#addTimes(fields);
    known.mode = field(fields, "lesson.mode", select(MODES.map((id) => ({ id, key: `mode.${id}` }))));
    const wide = child(fields, "div", "wide fields");
    known.places = child(wide, "div", "fields");
    const publish = [{ id: "no", key: "plan.draft", checked: true }, { id: "yes", key: "plan.publish" }];
    known.publish = ticks(wide, "radio", "plan.visible", publish);
    known.room.addEventListener("change", () => this.#attempt(() => this.#roomChanged()));
    known.first.addEventListener("change", () => this.#attempt(() => this.#weekChanged()));
    known.subject.addEventListener("change", () =>
      this.#attempt(async () => {
        await this.#proposeTeacher();
        await this.#showPlaces();
      }),
    );
    this.#parts.whole.addEventListener("input", () => this.#checkSoon());
    await this.#roomChanged();
    known.subject.focus();
  }

  // The main classroom that the wish most likely is about.
  #roomOf(unit) {
    return (this.#rooms.find((room) => room.unit === unit) ?? this.#rooms[0])?.id ?? null;
  }

  #school() {
    return this.#rooms.find(({ id }) => id === this.#controls.room.value)?.unit;
  }

  #addTeacher() {
    const load = async (name) => {
      if (name) return choices.teachersNamed(name, this.#given.me);
      return unique([...this.#likely, ...(await choices.teachersAt(this.#school()))]);
    };
    const draw = (people) => teacherOptions(people, this.#school());
    this.#teachers = new PersonChoice(this.#parts.fields, "role.teacher", { load, draw });
    this.#controls.teacher = this.#teachers.control;
  }

  #addTimes(fields) {
    const [known, { weekday, week }, { term }] = [this.#controls, this.#start, this.#given];
    const weekdays = [1, 2, 3, 4, 5, 6, 7].map((id) => ({ id, key: "timetable.day.short", given: { day: weekdayName(id) } }));
    const weeks = Array.from({ length: term.weeks }, (_, index) => ({ id: index + 1, key: "plan.week", given: { week: index + 1 } }));
    known.weekday = field(fields, "plan.weekday", select(weekdays, weekday ?? 1));
    known.period = field(fields, "change.period", document.createElement("select"));
    known.first = field(fields, "plan.first", select(weeks, week));
    known.last = field(fields, "plan.last", select(weeks, term.weeks));
    known.pattern = field(fields, "plan.pattern", select(PATTERNS.map((id) => ({ id, key: `pattern.${id}` }))));
    known.listed = field(fields, "plan.listed", input("text", "", { inputMode: "numeric", autocomplete: "off" }));
    known.listed.parentElement.hidden = true;
    known.pattern.addEventListener("change", () => (known.listed.parentElement.hidden = known.pattern.value !== "listed"));
  }

  // The day whose agreements and bells count: the first of the wished weeks.
  #day() {
    const { term, today } = this.#given;
    const monday = mondayOfWeek(term.first_day, Number(this.#controls.first.value));
    return [monday, term.first_day, today].sort().at(-1);
  }

  async #roomChanged() {
    const [, isLatest] = await Promise.all([this.#teachers.show(), this.#showGround()]);
    if (!isLatest) return;
    await this.#proposeTeacher();
    await this.#showPlaces();
  }

  // Who gives the subject in this room already will most likely give this lesson, too.
  async #proposeTeacher() {
    const { subject, room } = this.#controls;
    if (this.#start.by === "teacher") return;
    const like = this.#given.week?.lessons.find((each) => each.subject === subject.value && each.main_room.id === room.value);
    const usual = like?.substitute_for ?? like?.teacher;
    if (!usual || this.#teachers.choose(usual.id)) return;
    this.#likely = [{ ...usual, unit: like.school.id }];
    await this.#teachers.show();
    this.#teachers.choose(usual.id);
  }

  // Another week may have other bells and other agreements; what was chosen stays as far as it can.
  async #weekChanged() {
    if (await this.#showGround()) await this.#showPlaces();
  }

  // The periods and subjects of the room in the first week; answers whether no other choice overtook it.
  async #showGround() {
    const { period, room, subject } = this.#controls;
    const [day, whose] = [this.#day(), room.value];
    const [periods, pairings] = await Promise.all([choices.periods(this.#school(), day), choices.pairingsOf(whose, day)]);
    if (day !== this.#day() || whose !== room.value) return false;
    const number = period.value || this.#start.period;
    period.replaceChildren();
    for (const each of periods) addOption(period, { id: each.number, ...periodWords(each) });
    if (periods.some((each) => String(each.number) === String(number))) period.value = number;
    const chosen = subject.value;
    const codes = agreed(pairings, this.#given.subjects);
    subject.replaceChildren();
    for (const code of codes) addOption(subject, { id: code, key: "lesson.title", given: { title: () => subjectName(code) } });
    if (codes.includes(chosen)) subject.value = chosen;
    return true;
  }

  // The sites that may take part, and the pupil groups of the school and of these sites. Ticks outlive what they stood in.
  async #showPlaces() {
    const { room, subject, places } = this.#controls;
    const rooms = await pairedRooms(room.value, this.#day(), subject.value);
    const units = [this.#school(), ...rooms.map(({ unit }) => unit)];
    const groups = await choices.groupsOf(...units);
    const ticked = new Map([...places.querySelectorAll("input")].map(({ value, checked }) => [value, checked]));
    places.replaceChildren();
    const wanted = this.#start.by === "site" ? this.#start.whose : null;
    const isWanted = ({ unit }) => !wanted || !rooms.some((each) => each.unit === wanted) || unit === wanted;
    this.#controls.sites = ticks(places, "checkbox", "change.sites.which", rooms.map((each) => ({ ...each, checked: isWanted(each) })));
    if (!rooms.length) say(child(this.#controls.sites.set, "p", "hint"), "plan.no_sites");
    const day = this.#day();
    const near = groups.filter(({ closed }) => !closed || closed > day);
    this.#controls.groups = near.length ? ticks(places, "checkbox", "plan.groups", near.map((each) => ({ ...each, checked: each.id === this.#start.whose }))) : null;
    for (const box of places.querySelectorAll("input")) box.checked = ticked.get(box.value) ?? box.checked;
    this.#checkSoon();
  }

  #draft() {
    const known = this.#controls;
    const number = (control) => Number(control.value);
    const isListed = known.pattern.value === "listed";
    const subject = known.subject.value;
    return {
      term_id: this.#given.term.id,
      main_room_id: known.room.value,
      teacher_id: known.teacher.value,
      receiving_room_ids: known.sites?.chosen() ?? [],
      subject,
      title: known.title.value.trim() || subjectName(subject),
      weekday: number(known.weekday),
      period: number(known.period),
      mode: known.mode.value,
      first_week: number(known.first),
      last_week: number(known.last),
      week_pattern: known.pattern.value,
      weeks: isListed ? (known.listed.value.match(/\d+/g) ?? []).map(Number) : [],
      pupil_group_ids: known.groups?.chosen() ?? [],
    };
  }

  // What is still to be filled in: the key of its text, and where.
  #missing(draft) {
    const { subject, sites, listed, period, teacher } = this.#controls;
    if (!draft.subject) return ["plan.missing.subject", subject];
    if (!draft.teacher_id) return ["plan.missing.teacher", teacher];
    if (!draft.period) return ["fault.timetable.no_bells", period];
    if (!draft.receiving_room_ids.length) return ["plan.missing.sites", sites.set.querySelector("input") ?? subject];
    if (draft.week_pattern === "listed" && !draft.weeks.length) return ["plan.missing.weeks", listed];
    return null;
  }

  #checkSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#attempt(() => this.#check()), PAUSE);
  }

  async #check() {
    const [draft, mine] = [this.#draft(), ++this.#asked];
    const { fault, findings } = this.#parts;
    fault.hidden = true;
    if (this.#missing(draft)) return findings.replaceChildren();
    try {
      const found = await post(CHECK, draft);
      if (mine !== this.#asked) return;
      if (found.free) this.#sayFree(found);
      else this.#showClashes(found);
    } catch (failure) {
      if (mine !== this.#asked) return;
      findings.replaceChildren();
      throw failure;
    }
  }

  #sayFree({ lessons, skipped }) {
    const { findings } = this.#parts;
    findings.replaceChildren();
    const line = child(findings, "p", "finding-sum free-slot");
    say(line, skipped.length ? "plan.free.skipped" : "plan.free", { lessons, skipped: skipped.length });
  }

  #showClashes(found) {
    showFindings(this.#parts.findings, found, this.#given.zone, (weekday, period) => {
      this.#controls.weekday.value = weekday;
      this.#controls.period.value = period;
      this.#controls.weekday.focus();
      this.#checkSoon();
    });
  }

  async #carryOut() {
    clearTimeout(this.#timer);
    this.#asked++;
    const draft = this.#draft();
    const missing = this.#missing(draft);
    if (missing) {
      missing[1].focus();
      throw { words: missing[0] };
    }
    const publish = hasAny(this.#controls.publish.chosen(), ["yes"]);
    const made = await post("/api/v1/timetable-entries", { ...draft, publish });
    closePanel();
    await this.#given.changed(publish ? "plan.done" : "plan.done.draft", { lessons: made.lessons });
  }

  #explain(failure) {
    if (!(failure instanceof ApiError) || !isClash(failure)) return false;
    this.#showClashes(failure.problem);
    return true;
  }

  async #attempt(act) {
    try {
      await act();
    } catch (failure) {
      tellFault(this.#parts.fault, failure);
    }
  }
}

// The subjects that a main room may give by its agreements; all of the county's under an agreement that names none.
function agreed(pairings, all) {
  const named = new Set(pairings.flatMap((pairing) => pairing.subjects));
  const isOpen = !pairings.length || pairings.some(({ subjects }) => !subjects.length);
  return isOpen ? all : [...named];
}

// drafts: the entries of the drafts that are on the screen; school: of the main classroom that is.
export function openPublishing(drafts, school, given) {
  const parts = form(openPanel("timetable.publish"), "publish.go", async () => {
    const [which] = scope.chosen();
    const narrowed = { shown: { entry_ids: drafts }, school: { school_id: school }, term: {} }[which];
    const done = await post("/api/v1/timetable/publish", { term_id: given.term.id, ...narrowed });
    closePanel();
    await given.changed(done.lessons ? "publish.done" : "publish.none", done);
  });
  say(child(parts.fields, "p"), "publish.hint");
  const items = [];
  if (drafts.length) items.push({ id: "shown", key: "publish.shown", given: { count: drafts.length } });
  if (school) items.push({ id: "school", key: "publish.school" });
  items.push({ id: "term", key: "publish.term", given: { term: given.term.name } });
  items[0].checked = true;
  const scope = ticks(parts.fields, "radio", "publish.which", items);
}
