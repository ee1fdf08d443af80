// Whether a picture is black all over: a camera that was switched off goes on sending frames, without anything in them.

const LOOK = 1000;
const BLACK = 12; // of 255; a real camera's darkest room has noise above it somewhere
const [WIDTH, HEIGHT] = [32, 18];

// Looks once a second, and calls onChange() when the answer has changed.
export class DarkWatch {
  #pen = new OffscreenCanvas(WIDTH, HEIGHT).getContext("2d", { willReadFrequently: true });
  #video;
  #onChange;

  constructor(video, onChange) {
    this.dark = false;
    this.#video = video;
    this.#onChange = onChange;
    setInterval(() => this.#look(), LOOK);
  }

  #look() {
    const before = this.dark;
    this.dark = this.#video.videoWidth > 0 && this.#isBlack();
    if (before !== this.dark) this.#onChange();
  }

  #isBlack() {
    this.#pen.drawImage(this.#video, 0, 0, WIDTH, HEIGHT);
    const { data } = this.#pen.getImageData(0, 0, WIDTH, HEIGHT);
    return data.every((value, index) => index % 4 === 3 || value <= BLACK);
  }
}
