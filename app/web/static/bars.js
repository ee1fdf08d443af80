// A rate as two bars, planned above delivered, with the figures beside them: nobody has to read it off a picture.

import { percent } from "./chart.js";
import { say } from "./i18n.js";
import { child } from "./page.js";

export function bars(planned, delivered) {
  const both = document.createElement("div");
  both.className = "bar-pair";
  add(both, "planned", "reports.planned", planned);
  add(both, "delivered", "reports.delivered", delivered);
  return both;
}

function add(both, kind, words, rate) {
  const row = child(both, "div", `bar-row ${kind}`);
  say(child(row, "span", "bar-name"), words);
  const track = child(row, "span", "bar-track");
  track.setAttribute("aria-hidden", "true");
  child(track, "span", "bar-fill").style.inlineSize = `${100 * (rate ?? 0)}%`;
  child(row, "span", "bar-figure").textContent = percent(rate);
}
