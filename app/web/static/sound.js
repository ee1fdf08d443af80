// Playing with sound where the browser lets us, silently with one clear button where it wants a tap first.

export class Sound {
  #button;
  #silenced = new Set();

  constructor(button) {
    this.#button = button;
    button.hidden = true;
    // Any key or touch will do, not only the button: a remote control has no pointer.
    for (const gesture of ["pointerup", "keydown"]) document.addEventListener(gesture, () => this.retry());
  }

  async play(video) {
    video.muted = false;
    try {
      await video.play();
      this.#silenced.delete(video);
    } catch (failure) {
      if (failure.name !== "NotAllowedError") return; // another picture took its place meanwhile
      video.muted = true;
      this.#silenced.add(video);
      await video.play().catch(() => {});
    }
    this.#button.hidden = this.#silenced.size === 0;
  }

  // Also worth a try once the camera is allowed: browsers let a page that records make sound.
  retry() {
    for (const video of this.#silenced) this.play(video);
  }
}
