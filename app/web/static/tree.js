// A tree of links, by the ARIA pattern of a navigation tree: one stop of the tab key, arrow keys inside. Draws what it is
// told and tells what is wished; it knows nothing of what its nodes are.

import { say } from "./i18n.js";
import { child } from "./page.js";

// given: nodes(): the topmost ones, each { id, name, kind, href, notes, children, open }; `children` is null for what has
// none and a list otherwise, `open` says whether they are shown; toggle(id, open); moved(id): where the keyboard is now.
export class Tree {
  #root;
  #given;
  #at = null;

  constructor(root, given) {
    this.#root = root;
    this.#given = given;
    root.addEventListener("keydown", (event) => this.#onKey(event));
    root.addEventListener("click", (event) => this.#onClick(event));
    root.addEventListener("focusin", (event) => this.#moveTo(event.target.closest("[role=treeitem]")));
  }

  // Draws the nodes as they are now; the keyboard stays where it was, as far as that is still there.
  draw() {
    const hadFocus = this.#root.contains(document.activeElement);
    this.#root.replaceChildren();
    this.#fill(this.#root, this.#given.nodes(), 1);
    const items = this.#items();
    const at = items.find(({ dataset }) => dataset.id === this.#at) ?? items[0];
    if (!at) return;
    at.tabIndex = 0;
    if (hadFocus) at.focus();
  }

  // Puts the keyboard on a node that is drawn.
  goTo(id) {
    const item = this.#items().find(({ dataset }) => dataset.id === id);
    item?.focus();
    item?.scrollIntoView({ block: "center" });
  }

  #fill(list, nodes, level) {
    for (const [index, node] of nodes.entries()) {
      const line = child(list, "li");
      line.setAttribute("role", "none");
      const item = this.#item(line, node);
      const place = { level, setsize: nodes.length, posinset: index + 1 };
      for (const [name, value] of Object.entries(place)) item.setAttribute(`aria-${name}`, value);
      if (!node.children) continue;
      item.setAttribute("aria-expanded", String(node.open));
      if (!node.open) continue;
      const group = child(line, "ul");
      group.setAttribute("role", "group");
      group.id = `below-${node.id}`;
      item.setAttribute("aria-owns", group.id);
      this.#fill(group, node.children, level + 1);
    }
  }

  #item(line, { id, name, href, kind, notes, children }) {
    const item = child(line, "a", "node");
    item.setAttribute("role", "treeitem");
    item.href = href;
    item.dataset.id = id;
    item.tabIndex = -1;
    const turn = child(item, "span", children ? "turn" : "turn leaf");
    turn.setAttribute("aria-hidden", "true");
    const words = child(item, "span", "node-words");
    child(words, "span", "node-name").textContent = name;
    say(child(words, "span", "node-kind"), kind);
    for (const [key, values] of notes) say(child(words, "span", "badge"), key, values);
    return item;
  }

  #items() {
    return [...this.#root.querySelectorAll("[role=treeitem]")];
  }

  #moveTo(item) {
    if (!item) return;
    for (const other of this.#items()) other.tabIndex = other === item ? 0 : -1;
    this.#at = item.dataset.id;
    this.#given.moved(this.#at);
  }

  #onClick(event) {
    if (!event.target.closest(".turn:not(.leaf)")) return;
    event.preventDefault();
    const item = event.target.closest("[role=treeitem]");
    this.#toggle(item, !isOpen(item));
  }

  #toggle(item, open) {
    this.#at = item.dataset.id;
    this.#given.toggle(this.#at, open);
  }

  #onKey(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const items = this.#items();
    const [at, last] = [items.indexOf(item), items.length - 1];
    const go = (index) => items[Math.min(Math.max(index, 0), last)].focus();
    const acts = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      Home: () => go(0),
      End: () => go(last),
      " ": () => item.click(),
      ArrowRight: () => (isOpen(item) ? go(at + 1) : item.ariaExpanded && this.#toggle(item, true)),
      ArrowLeft: () => (isOpen(item) ? this.#toggle(item, false) : above(item)?.focus()),
    };
    const act = acts[event.key] ?? (event.key.length === 1 ? () => this.#typed(event.key, items, at) : null);
    if (!act) return;
    event.preventDefault();
    act();
  }

  // The next one whose name begins so, round the end.
  #typed(letter, items, at) {
    const begins = (item) => item.querySelector(".node-name").textContent.toLowerCase().startsWith(letter.toLowerCase());
    [...items.slice(at + 1), ...items.slice(0, at)].find(begins)?.focus();
  }
}

const isOpen = (item) => item.getAttribute("aria-expanded") === "true";
const above = (item) => item.closest("[role=group]")?.parentElement.querySelector("[role=treeitem]");
