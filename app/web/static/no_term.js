// What a page says that needs a term where there is none yet; who may open one is led there.

import { holds } from "./frame.js";
import { say } from "./i18n.js";
import { child } from "./page.js";

export function sayNoTerm(news, me) {
  const mayOpen = holds(me, "bureau_admin");
  say(news, mayOpen ? "term.none.open" : "term.none");
  if (!mayOpen) return;
  const line = document.createElement("p");
  const way = child(line, "a", "button");
  way.href = "/calendar";
  say(way, "term.open.first");
  news.after(line);
}
