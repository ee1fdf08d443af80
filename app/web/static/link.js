// One media session kept alive: carries out what rejoin.js decides.

import { ApiError } from "./api.js";
import { fresh, step } from "./rejoin.js";

const BEAT = 250;
const FAREWELL = 700;
const LATE = "late";
const TAKEN = 412;
const spread = 0.8 + Math.random() * 0.4;

export class TakenOver extends Error {
  words = "error.taken_over";
}

export class Link {
  #state;
  #open;
  #measure;
  #expected;
  #session = null;
  #farewell = null; // the end of the previous session, under way
  #attempt = null; // AbortController of the connection being made or in use
  #exclusive;
  #timer = 0;

  // open(signal, onlyFree) → session with .pc and .leave(); measure(pc) → {bytes, level}; expected() → is somebody sending?
  // exclusive: only one session at a time can have this stream
  constructor({ open, measure, expected = () => true, exclusive = false, stall, onChange, onLevel, onDenied }) {
    this.#state = fresh({ stall, spread });
    this.#open = open;
    this.#measure = measure;
    this.#expected = expected;
    this.#exclusive = exclusive;
    this.onChange = onChange ?? (() => {});
    this.onLevel = onLevel ?? (() => {});
    this.onDenied = onDenied ?? (() => {});
  }

  get phase() {
    return this.#state.phase;
  }

  get session() {
    return this.#session;
  }

  start() {
    this.#handle({ type: "start" });
  }

  stop() {
    this.#handle({ type: "stop" });
  }

  restarted() {
    this.#handle({ type: "restarted" });
  }

  #handle(event) {
    const before = this.#state.phase;
    const [state, decision] = step(this.#state, event, performance.now());
    this.#state = state;
    if (decision) this.#disconnect();
    if (decision === "connect") this.#connect();
    this.#keepTime();
    if (before !== state.phase || decision === "connect") this.onChange(this);
  }

  #keepTime() {
    const ticking = this.phase !== "idle" && this.phase !== "denied";
    if (ticking && !this.#timer) this.#timer = setInterval(() => this.#beat(), BEAT);
    if (!ticking && this.#timer) this.#timer = clearInterval(this.#timer) ?? 0;
  }

  async #beat() {
    const attempt = this.#attempt;
    const pc = this.phase === "connected" ? this.#session.pc : null;
    const { bytes, level } = pc ? await this.#measure(pc) : { bytes: 0, level: 0 };
    if (attempt !== this.#attempt) return; // measured a connection that is no longer ours
    this.onLevel(level);
    this.#handle({ type: "tick", bytes, expected: this.#expected() });
  }

  async #connect() {
    const attempt = new AbortController();
    this.#attempt = attempt;
    let session;
    let told;
    try {
      told = await this.#whatBecameOfTheLast();
      if (attempt.signal.aborted) return;
      session = await this.#open(attempt.signal, told === LATE || told === false);
    } catch (caught) {
      if (attempt.signal.aborted) return;
      const failure = told === false && caught.status === TAKEN ? new TakenOver() : caught;
      const denied = isFinal(failure);
      this.#handle({ type: denied ? "denied" : "refused" });
      if (denied) this.onDenied(failure);
      return;
    }
    if (attempt.signal.aborted) {
      session.leave(); // decided otherwise while the answer was on its way
      return;
    }
    this.#session = session;
    this.#follow(session.pc, attempt.signal);
  }

  // Two pages of one person must not snatch a stream from each other for ever: the older one stands back. Once our own last
  // session has ended, the stream is taken only if nobody has it: who has, went on from another device in between. While
  // that is still to be told, too, but then the one who has it may be ourselves, and it is asked for again.
  async #whatBecameOfTheLast() {
    const late = new Promise((resolve) => setTimeout(resolve, FAREWELL, LATE));
    const told = await Promise.race([this.#farewell, late]);
    if (told === true) throw new TakenOver();
    return told;
  }

  #follow(pc, signal) {
    const report = () => {
      if (signal.aborted) return;
      if (pc.connectionState === "connected") this.#handle({ type: "connected" });
      if (pc.connectionState === "failed" || pc.connectionState === "closed") this.#handle({ type: "lost" });
    };
    pc.addEventListener("connectionstatechange", report, { signal });
    // The relay says goodbye by closing DTLS; the connection as a whole goes on calling itself connected.
    const { sender, receiver } = pc.getTransceivers()[0];
    const transport = sender.transport ?? receiver.transport;
    const goodbye = () => {
      if (!signal.aborted && transport.state === "closed") this.#handle({ type: "lost" });
    };
    transport?.addEventListener("statechange", goodbye, { signal });
    report();
  }

  #disconnect() {
    this.#attempt?.abort();
    const farewell = this.#session?.leave();
    if (farewell) this.#farewell = this.#exclusive ? farewell : null;
    this.#attempt = null;
    this.#session = null;
  }
}

// Answers that would be the same if asked again. 401 is not one: the next attempt brings a fresh grant.
function isFinal(failure) {
  if (failure instanceof TakenOver) return true;
  return failure instanceof ApiError && [400, 403, 404, 406, 409, 413, 415].includes(failure.status);
}
