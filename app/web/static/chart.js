// Rates of several rows as a chart: a pair of bars for each, planned above delivered. The picture is for the eye; the table
// beside it has every figure, for ears and for exactness.

import { say } from "./i18n.js";
import { child } from "./page.js";

const SVG = "http://www.w3.org/2000/svg";
const [LABEL, BAR, GAP, SPACE, FIGURE, AXIS] = [22, 11, 3, 14, 64, 24]; // px
const ROW = LABEL + 2 * BAR + GAP + SPACE;
const SIDES = ["planned", "delivered"];
const TICKS = [0, 0.25, 0.5, 0.75, 1];
let made = 0;

export const percent = (rate) => (rate === null ? "–" : `${(100 * rate).toFixed(1)} %`);

// rows: { name(), planned, delivered }; rates from 0 to 1, null where nothing is required. `key` names the whole chart.
export function chart(place, key, rows) {
  place.replaceChildren();
  const legend = child(place, "p", "legend");
  legend.setAttribute("aria-hidden", "true");
  for (const side of SIDES) say(child(legend, "span", side), `reports.${side}`);
  const width = Math.max(place.clientWidth, 240);
  const height = AXIS + rows.length * ROW;
  // On paper there is less room than on the screen: with a view box the picture shrinks as a whole.
  const picture = shape(place, "svg", { class: "chart", role: "img", width, height, viewBox: `0 0 ${width} ${height}` });
  const title = shape(picture, "title", { id: `chart-${++made}` });
  say(title, key);
  picture.setAttribute("aria-labelledby", title.id);
  const reach = width - FIGURE;
  for (const tick of TICKS) drawTick(picture, tick, reach, rows.length);
  for (const [index, row] of rows.entries()) drawRow(picture, row, AXIS + index * ROW, reach);
}

function drawTick(picture, tick, reach, count) {
  const x = 0.5 + Math.round(tick * reach);
  shape(picture, "line", { class: "tick", x1: x, x2: x, y1: AXIS - 4, y2: AXIS + count * ROW });
  const anchor = tick === 0 ? "start" : "middle";
  shape(picture, "text", { class: "soft", x, y: AXIS - 9, "text-anchor": anchor }).textContent = `${100 * tick} %`;
}

function drawRow(picture, row, top, reach) {
  const name = shape(picture, "text", { x: 4, y: top + LABEL - 6 });
  say(name, "reports.cell", { words: row.name });
  for (const [nth, side] of SIDES.entries()) {
    const y = top + LABEL + nth * (BAR + GAP);
    const rate = row[side] ?? 0;
    shape(picture, "rect", { class: side, x: 0, y, width: Math.max(rate * reach, 1), height: BAR, rx: 2 });
    shape(picture, "text", { class: "figure", x: rate * reach + 6, y: y + BAR - 1 }).textContent = percent(row[side]);
  }
}

function shape(parent, tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
}
