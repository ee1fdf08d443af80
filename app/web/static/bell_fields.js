// The fields of a bell schedule: name, days, periods as rows. What the server refuses is marked where it stands.

import { longDate } from "./dates.js";
import { button, field, input, ticks } from "./form.js";
import { label, say, text } from "./i18n.js";
import { child } from "./page.js";

const COLUMNS = ["number", "starts_at", "ends_at"];
const HEADS = ["bells.number", "bells.from", "bells.to"];
const WRONG = { number: "bells.wrong.number", starts_at: "bells.wrong.time", ends_at: "bells.wrong.time" };
let made = 0;

export class BellFields {
  #named; // the controls by the names of their fields
  #rows;
  #cut = null;

  constructor(place, { name, valid_from: from, valid_to: to, periods }, mayCut) {
    this.#named = {
      name: field(place, "bells.name", input("text", name, { maxLength: 100, autocomplete: "off" })),
      valid_from: field(place, "bells.valid_from", input("date", from)),
      valid_to: field(place, "bells.valid_to", input("date", to)),
    };
    if (mayCut) this.#cut = ticks(place, "checkbox", "bells.cut", [{ id: "cut", key: "bells.cut.yes" }]);
    this.#rows = new PeriodRows(place, periods);
    this.#named.name.focus();
  }

  wish() {
    const { name, valid_from: from, valid_to: to } = this.#named;
    const cut = this.#cut ? { cut_others: this.#cut.chosen().length > 0 } : {};
    return { name: name.value.trim(), valid_from: from.value, valid_to: to.value, periods: this.#rows.wish(), ...cut };
  }

  unmark() {
    unmark(...Object.values(this.#named), ...(this.#cut ? [this.#cut.set] : []));
    this.#rows.unmark();
  }

  // Marks what a failure is about, and answers whether it could. `own` are the unit's schedules.
  mark({ code, problem }, own) {
    this.unmark();
    const marked = [];
    if (code === "bells.period_reversed") marked.push(...this.#rows.mark(problem.period, "ends_at", "bells.wrong.reversed"));
    if (code === "bells.periods_overlap") {
      const [one, other] = problem.periods;
      marked.push(...this.#rows.mark(other, "starts_at", "bells.wrong.overlap", { one, other }));
    }
    if (code === "days.reversed") marked.push(mark(this.#named.valid_to, "fault.days.reversed"));
    if (code === "bells.overlap") {
      const others = own.filter(({ id }) => problem.bell_schedule_ids.includes(id));
      const days = ({ name, valid_from: from, valid_to: to }) => text("bells.days", { name, from: longDate(from), to: longDate(to) });
      const given = { others: () => others.map(days).join(text("list.comma")) };
      marked.push(this.#cut ? mark(this.#cut.set, "bells.wrong.taken", given) : mark(this.#named.valid_to, "bells.wrong.taken.days", given));
    }
    if (code === "request.invalid") for (const error of problem.errors) marked.push(...this.#markField(error));
    const [first] = marked;
    first?.querySelector("input")?.focus() ?? first?.focus();
    return marked.length > 0;
  }

  // A field is called "body.name", or "body.periods.3.starts_at".
  #markField({ field: path, code }) {
    const [, name, row, column] = path.split(".");
    if (name === "name") return [mark(this.#named.name, "bells.wrong.name")];
    if (name in this.#named) return [mark(this.#named[name], "bells.wrong.day")];
    if (name !== "periods") return [];
    if (code === "period_number_twice") return this.#rows.markTwice();
    return this.#rows.markAt(row, column);
  }
}

class PeriodRows {
  #body;
  #add;

  constructor(place, periods) {
    const set = child(place, "fieldset", "periods");
    say(child(set, "legend"), "bells.periods");
    const table = child(set, "table");
    const heads = child(child(table, "thead"), "tr");
    for (const key of HEADS) {
      const head = child(heads, "th");
      head.scope = "col";
      say(head, key);
    }
    child(heads, "td");
    this.#body = child(table, "tbody");
    for (const period of periods) this.#append(period);
    if (!periods.length) this.#append({ number: 1, starts_at: "", ends_at: "" });
    this.#add = button(child(set, "div", "ways"), "bells.row.add", () => this.#addOne(set));
  }

  wish() {
    return this.#rows().map((row) => {
      const [number, starts_at, ends_at] = cells(row).map(({ value }) => value.trim());
      return { number: Number(number), starts_at: clock(starts_at), ends_at: clock(ends_at) };
    });
  }

  unmark() {
    unmark(...this.#rows().flatMap(cells));
  }

  mark(number, column, key, given = {}) {
    const rows = this.#rows().filter((row) => Number(cells(row)[0].value) === number);
    return rows.map((row) => mark(cells(row)[COLUMNS.indexOf(column)], key, given));
  }

  markTwice() {
    const numbers = this.wish().map(({ number }) => number);
    const rows = this.#rows().filter((_, index) => numbers.indexOf(numbers[index]) !== index);
    return rows.map((row) => mark(cells(row)[0], "bells.wrong.twice"));
  }

  markAt(index, column) {
    const row = this.#rows()[Number(index)];
    if (index === undefined || !row) return [mark(this.#add, "bells.wrong.none")];
    const at = Math.max(COLUMNS.indexOf(column), 0);
    return [mark(cells(row)[at], WRONG[COLUMNS[at]])];
  }

  #rows() {
    return [...this.#body.querySelectorAll("tr:not(.why)")];
  }

  #append({ number, starts_at: from, ends_at: to }) {
    const row = child(this.#body, "tr");
    const whole = { inputMode: "numeric", autocomplete: "off", maxLength: 5 };
    const values = [input("text", number, { ...whole, maxLength: 2 }), input("text", from, whole), input("text", to, whole)];
    for (const control of values) child(row, "td").append(control);
    const remove = child(child(row, "td"), "button", "quiet");
    remove.type = "button";
    remove.textContent = "✕";
    remove.addEventListener("click", () => this.#remove(row));
    this.#label();
    return row;
  }

  #addOne(set) {
    const numbers = this.wish().map(({ number }) => number);
    const row = this.#append({ number: Math.max(0, ...numbers) + 1, starts_at: "", ends_at: "" });
    cells(row)[1].focus();
    set.dispatchEvent(new Event("input", { bubbles: true })); // another wish than before
  }

  #remove(row) {
    const set = row.closest("fieldset");
    unmark(...cells(row));
    const at = this.#rows().indexOf(row);
    row.remove();
    this.#label();
    const next = this.#rows()[at] ?? this.#rows().at(-1);
    (next?.querySelector("button") ?? this.#add).focus();
    set.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #label() {
    for (const [index, each] of this.#rows().entries()) {
      const row = index + 1;
      cells(each).forEach((control, at) => label(control, "bells.row", { row, what: () => text(HEADS[at]) }));
      label(each.querySelector("button"), "bells.row.remove", { row });
    }
  }
}

const cells = (row) => [...row.querySelectorAll("input")];

// "8：05", as it is typed in China and everywhere, is 08:05.
const clock = (typed) => typed.replace("：", ":").replace(/^(\d):/, "0$1:");

// Says below a control, and to whoever hears the page, what is wrong with it; answers the control.
function mark(control, key, given = {}) {
  unmark(control);
  control.setAttribute("aria-invalid", "true");
  const words = document.createElement("span");
  words.className = "wrong";
  words.id = `wrong-${++made}`;
  say(words, key, given);
  control.setAttribute("aria-describedby", words.id);
  const row = control.closest("tr");
  if (row) whyBelow(row).append(words);
  else if (control.matches("fieldset")) control.append(words);
  else control.after(words);
  return control;
}

// The line below a row of the table where what is wrong with it is said.
function whyBelow(row) {
  const known = row.nextElementSibling;
  if (known?.matches(".why")) return known.firstElementChild;
  const line = document.createElement("tr");
  line.className = "why";
  row.after(line);
  const place = child(line, "td");
  place.colSpan = COLUMNS.length + 1;
  return place;
}

function unmark(...controls) {
  for (const control of controls) {
    if (!control.hasAttribute("aria-invalid")) continue;
    const words = document.getElementById(control.getAttribute("aria-describedby"));
    const line = words?.closest(".why");
    words?.remove();
    if (line && !line.querySelector(".wrong")) line.remove();
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  }
}
