// The teacher's screen, shared as the lesson's `board` stream.

import { say } from "./i18n.js";
import { openBoard } from "./media.js";
import { byId, showFault } from "./page.js";

export class BoardShare {
  #media = null;
  #classroom = null;
  #link = null;

  async toggle(classroom) {
    if (this.#media) return this.stop();
    let media;
    try {
      media = await openBoard();
    } catch (failure) {
      return showFault(byId("fault"), failure);
    }
    if (media) this.#share(classroom, media);
  }

  stop() {
    if (!this.#media) return;
    this.#classroom.drop(this.#link);
    for (const track of this.#media.getTracks()) track.stop();
    this.#media = this.#link = null;
    this.#show();
  }

  #share(classroom, media) {
    this.#media = media;
    this.#classroom = classroom;
    // The browser has a stop button of its own, and a shared window can be closed.
    media.getVideoTracks()[0].addEventListener("ended", () => this.stop());
    const onDenied = (failure) => {
      this.stop();
      showFault(byId("fault"), failure);
    };
    this.#link = classroom.publish("board", media, "board", { onDenied });
    this.#show();
  }

  #show() {
    const button = byId("share");
    button.classList.toggle("sharing", this.#media !== null);
    say(button.querySelector("[data-text]"), this.#media ? "board.stop" : "board.share");
    byId("board").hidden = !this.#media;
    byId("board-picture").srcObject = this.#media;
  }
}
