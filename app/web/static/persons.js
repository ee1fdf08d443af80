// Choosing a person: those at hand, and others by the beginning of their name. A county has more than one reads through.

import { MOST_FOUND } from "./choices.js";
import { tellFault } from "./fault.js";
import { field, input } from "./form.js";
import { say } from "./i18n.js";
import { child } from "./page.js";

const PAUSE = 300; // after the last key, before anybody is looked for

// A list with a search beside it. load(name) promises those who are called so; draw(people) returns the options.
export class PersonChoice {
  #load;
  #draw;
  #seek;
  #found;
  #asked = 0;
  #timer = null;

  constructor(fields, key, { load, draw }) {
    this.#load = load;
    this.#draw = draw;
    const both = child(fields, "div", "fields");
    this.control = field(both, key, document.createElement("select"));
    this.#seek = field(both, "people.other", input("search", "", { maxLength: 100, autocomplete: "off", spellcheck: false }));
    this.#found = child(this.#seek.parentElement, "span", "hint");
    this.#found.setAttribute("role", "status");
    this.#found.id = `${this.#seek.id}-found`;
    this.#seek.setAttribute("aria-describedby", this.#found.id);
    // What is typed here is no wish yet: the form need not hear of it.
    for (const kind of ["input", "change"]) this.#seek.addEventListener(kind, (event) => event.stopPropagation());
    this.#seek.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#look(), PAUSE);
    });
    this.#seek.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  }

  // Everybody at hand anew; who was chosen stays, as far as they are among them.
  async show() {
    const [mine, name] = [++this.#asked, this.#seek.value.trim()];
    const people = await this.#load(name);
    if (mine !== this.#asked) return; // somebody else is looked for by now
    const chosen = this.control.value;
    this.control.replaceChildren(...this.#draw(people));
    this.choose(chosen); // else the first one is
    const words = name && !people.length ? "people.none.named" : people.length >= MOST_FOUND ? "list.most" : null;
    if (words) say(this.#found, words, { sought: name, most: MOST_FOUND });
    else this.#found.textContent = "";
  }

  // Whether the person is in the list, and chosen now.
  choose(id) {
    const isThere = [...this.control.options].some(({ value }) => value === id);
    if (isThere) this.control.value = id;
    return isThere;
  }

  async #look() {
    try {
      await this.show();
      this.control.dispatchEvent(new Event("change", { bubbles: true }));
      this.control.dispatchEvent(new Event("input", { bubbles: true }));
    } catch (failure) {
      tellFault(this.#found, failure);
    }
  }
}
