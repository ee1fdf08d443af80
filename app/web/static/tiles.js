// One teaching site as the teacher sees it: picture, name, state in words, how loud it is.

import { say } from "./i18n.js";
import { showLevel } from "./media.js";

// waiting: has not come yet · connecting · connected · lost: was here, is not now
export class Tile {
  constructor({ name }) {
    this.element = make("li", "tile");
    this.video = make("video", "tile-picture");
    this.video.playsInline = true;
    this.video.setAttribute("aria-label", name);
    this.level = make("span", "level");
    this.level.setAttribute("aria-hidden", "true");
    this.state = make("span", "tile-state");
    const title = make("span", "tile-name");
    title.textContent = name;
    const caption = make("p", "tile-caption");
    caption.append(this.level, title, this.state);
    this.element.append(this.video, caption);
    this.wasHere = false;
    this.show("waiting");
  }

  // From what the channel says (somebody is sending) and what the link says (it arrives here).
  update(publishing, phase) {
    if (publishing && phase === "connected") {
      this.wasHere = true;
      this.show("connected");
    } else if (publishing) {
      this.show(this.wasHere ? "lost" : "connecting");
    } else {
      this.show(this.wasHere ? "lost" : "waiting");
    }
    if (!publishing) showLevel(this.level, 0);
  }

  show(state) {
    this.element.dataset.state = state;
    say(this.state, `tile.${state}`);
  }
}

function make(tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}
