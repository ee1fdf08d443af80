// How good a link is, in the few steps that people act on. Pure: from what the channel says to what is shown.

// How much somebody is given of each stream they watch, from the channel's "quality" and "rung" messages.
export class Rungs {
  #rungs = new Map();

  set(streams) {
    const watched = streams.filter(({ direction, rung }) => direction === "watch" && rung);
    this.#rungs = new Map(watched.map(({ stream, rung }) => [stream, rung]));
  }

  note({ stream, rung }) {
    this.#rungs.set(stream, rung);
  }

  of(stream) {
    return this.#rungs.get(stream) ?? null;
  }

  // Those that count now: of a stream that nobody sends, a rung says nothing.
  among(isOnAir) {
    return [...this.#rungs].filter(([stream]) => isOnAir(stream)).map(([, rung]) => rung);
  }
}

// good · weak: pictures stop at times · small: a picture is smaller, or one of several is left out · sound: no picture
export function linkOf(rungs, troubled = false) {
  if (rungs.length && rungs.every((rung) => rung === "audio_only")) return "sound";
  if (rungs.some((rung) => rung !== "full")) return "small";
  return troubled ? "weak" : "good";
}
