// One teaching site as the teacher sees it: picture, name, link in words, how loud it is, whether it speaks or is mute.

import { say } from "./i18n.js";
import { showLevel } from "./media.js";

const SVG = "http://www.w3.org/2000/svg";
const NO_MICROPHONE = [
  "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z",
  "M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3",
  "M4 4l16 16",
];

const BARS = ["M5 20v-4", "M12 20v-9", "M19 20V5"];
const SIGNS = {
  good: { bright: BARS },
  weak: { bright: BARS.slice(0, 1), dim: BARS.slice(1) },
  small: { bright: BARS.slice(0, 1), dim: BARS.slice(1) },
  sound: { bright: ["M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z", "M15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11"] },
  lost: { bright: ["M4.5 11a7.5 7.5 0 0 1 13.3-3.7L20 9.5M20 4.5v5h-5", "M19.5 13a7.5 7.5 0 0 1-13.3 3.7L4 14.5M4 19.5v-5h5"] },
};

const GONE_AFTER = 30_000;

// waiting: has not come yet · connecting · connected · lost: was here, is not now. While connected, how good the link is.
export class Tile {
  #link = "good";
  #farewell = 0; // until a site that is lost counts as gone

  // onNews(words): the link has become better or worse, for those who do not see it.
  constructor({ name }, onNews = () => {}) {
    this.onNews = onNews;
    this.element = make("li", "tile");
    this.video = make("video", "tile-picture");
    this.video.playsInline = true;
    this.video.setAttribute("aria-label", name);
    this.state = make("p", "tile-state");
    this.words = document.createElement("span");
    this.state.append(this.words);
    this.level = make("span", "level");
    this.level.setAttribute("aria-hidden", "true");
    const title = make("span", "tile-name");
    title.textContent = name;
    const caption = make("p", "tile-caption");
    this.speaking = sign("tile-speaking", "tile.speaking");
    this.muted = sign("tile-muted", "tile.muted", icon(NO_MICROPHONE));
    caption.append(this.level, title, this.speaking, this.muted);
    this.element.append(this.video, caption, this.state);
    this.wasHere = false;
    this.show("waiting");
  }

  // From what the channel says (somebody is sending) and what the link says (it arrives here).
  update(publishing, arrives) {
    if (arrives) {
      this.wasHere = true;
      this.show("connected");
    } else if (publishing) {
      this.show(this.wasHere ? "lost" : "connecting");
    } else {
      this.show(this.wasHere ? "lost" : "waiting");
    }
  }

  // It is this site's turn: outlined, and said in words.
  speak(speaking) {
    this.element.toggleAttribute("data-speaking", speaking);
    this.speaking.hidden = !speaking;
  }

  mute(muted) {
    this.muted.hidden = !muted;
  }

  hear(level) {
    showLevel(this.level, this.element.dataset.state === "connected" ? level : 0);
  }

  // good · weak · small · sound, see quality.js
  judge(link) {
    const before = this.#link;
    this.#link = link;
    if (before === link || this.element.dataset.state !== "connected") return;
    this.show("connected");
    this.onNews(`tile.${link}`);
  }

  show(state) {
    const before = this.element.dataset.state;
    if (before === state && state !== "connected") return;
    this.element.dataset.state = state;
    this.#sign(state === "connected" ? this.#link : state);
    clearTimeout(this.#farewell);
    if (state === "lost") this.#farewell = setTimeout(() => this.#sign("gone"), GONE_AFTER);
    if (before === "lost" || state === "lost") this.onNews(`tile.${this.element.dataset.link}`);
  }

  #sign(link) {
    this.element.dataset.link = link;
    say(this.words, `tile.${link}`);
    const sign = SIGNS[link];
    this.state.replaceChildren(...(sign ? [icon(sign.bright, sign.dim)] : []), this.words);
  }
}

// Lays tiles out in as many columns as make them largest; CSS alone cannot weigh width against height.
export function fitTiles(list) {
  const fit = () => {
    const { clientWidth: width, clientHeight: height } = list;
    const gap = parseFloat(getComputedStyle(list).columnGap) || 0;
    const columns = bestColumns(list.childElementCount, width, height, gap);
    list.style.setProperty("--columns", columns);
    list.style.setProperty("--tile", `${Math.floor(tileWidth(columns, list.childElementCount, width, height, gap))}px`);
  };
  new ResizeObserver(fit).observe(list);
  fit();
}

const SHAPE = 16 / 9;

// Of the layouts in which tiles are nearly as large as can be, the one with the fewest rows, then the fewest columns:
// three sites stand side by side, four as two by two.
export function bestColumns(count, width, height, gap) {
  const layouts = Array.from({ length: Math.max(1, count) }, (_, n) => n + 1);
  const size = (columns) => tileWidth(columns, count, width, height, gap);
  const largest = Math.max(...layouts.map(size));
  const rows = (columns) => Math.ceil(count / columns);
  const fine = layouts.filter((columns) => size(columns) >= 0.9 * largest);
  return fine.reduce((best, columns) => (rows(columns) < rows(best) ? columns : best));
}

function tileWidth(columns, count, width, height, gap) {
  const rows = Math.ceil(count / columns);
  return Math.max(1, Math.min((width - gap * (columns - 1)) / columns, ((height - gap * (rows - 1)) / rows) * SHAPE));
}

function sign(className, words, ...before) {
  const element = make("span", `tile-sign ${className}`);
  const text = document.createElement("span");
  say(text, words);
  element.append(...before, text);
  element.hidden = true;
  return element;
}

function icon(paths, dim = []) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const draw = (d) => {
    const path = drawing.appendChild(document.createElementNS(SVG, "path"));
    path.setAttribute("d", d);
    return path;
  };
  paths.forEach(draw);
  for (const d of dim) draw(d).setAttribute("class", "dim");
  return drawing;
}

function make(tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}
