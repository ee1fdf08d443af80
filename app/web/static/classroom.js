// One lesson as a page attends it: what may be watched and published, who is on air, and the links that carry it.

import { ApiError, get } from "./api.js";
import { Channel } from "./channel.js";
import { Link } from "./link.js";
import { introduction } from "./identity.js";
import { reception, watch } from "./whep.js";
import { feedback, publish, PROFILES } from "./whip.js";

// The relay reports to a publisher about once a second; a few missed reports in a row mean it is gone.
const FEEDBACK_STALL = 4000;
const GRANT_MARGIN = 30_000;
// How long a stream that went down with its relay counts as coming back rather than gone.
const RETURN_LIMIT = 10_000;

// The lesson named in the address, else the one of this person that is on now or next.
export async function findLesson() {
  const named = new URLSearchParams(location.search).get("lesson");
  if (named) return named;
  try {
    return (await get("/api/v1/lessons/current")).id;
  } catch (failure) {
    if (failure instanceof ApiError && failure.code === "lesson.none_now") return null;
    throw failure;
  }
}

export class Classroom {
  #links = new Map();
  #onAir = new Map();
  #returning = new Set(); // streams that went down with their relay and are on their way back
  #returnTimer = 0;
  #channel = null;
  #preferred = null;
  #rejoining = null;
  #presence = null; // AbortController of what listens to the page's going

  // `on` holds the page's callbacks: stream(name, publishing), ended(why), removed(why), refused(status), and if it likes
  // reachable(), when the server has gone or is back, speaker(name or null), muted(name, whether), and what the
  // channel says of links: quality(message) and rung(message).
  constructor(lessonId, on) {
    this.lessonId = lessonId;
    this.on = on;
    this.info = null;
    this.reachable = true; // what the channel said last still holds
  }

  async join() {
    // One name for all that this page opens, however often its grants are renewed.
    const as = this.info ? `?viewer=${encodeURIComponent(this.info.viewer)}` : "";
    this.info = await get(`/api/v1/lessons/${encodeURIComponent(this.lessonId)}/join${as}`);
    this.joinedAt = Date.now();
    for (const { stream, publishing } of this.info.watch) this.#onAir.set(stream, publishing);
    return this.info;
  }

  // Milliseconds until the lesson's doors open by the server's clock; 0 when they are open.
  opensIn() {
    const { server_time: serverTime } = this.info;
    return Math.max(0, Date.parse(this.info.lesson.opens_at) - Date.parse(serverTime));
  }

  // From here on the page is told who comes and goes, and its own going is told to the others.
  listen() {
    if (this.#channel) return;
    const hello = async () => ({ ...(await introduction()), viewer: this.info.viewer });
    this.#channel = new Channel(this.info.channel, hello, (message) => this.#receive(message));
    this.#presence = new AbortController();
    const { signal } = this.#presence;
    addEventListener("pagehide", () => this.leave(), { signal });
  }

  // Which stream is the last to become smaller while the link does not carry all.
  prefer(stream) {
    if (stream === this.#preferred) return;
    this.#preferred = stream;
    this.#channel?.send({ type: "prefer", stream });
  }

  isOnAir(stream) {
    return this.#onAir.get(stream) ?? false;
  }

  // On air, and its media should be arriving at this moment.
  isFlowing(stream) {
    return this.isOnAir(stream) && !this.#returning.has(stream);
  }

  // `prepared`: a connection made ahead of time, for the first attempt only.
  watch(stream, callbacks, prepared) {
    const open = async (signal) => {
      const connection = prepared;
      prepared = undefined;
      return this.#through("watch", stream, (door) => watch(door, signal, connection));
    };
    const expected = () => this.isFlowing(stream);
    return this.#start(`watch ${stream}`, new Link({ open, measure: reception, expected, ...callbacks }));
  }

  publish(stream, media, kind, callbacks) {
    const open = (signal, onlyFree) =>
      this.#through("publish", stream, (door) => publish({ ...door, onlyFree }, media, PROFILES[kind], signal));
    const link = new Link({ open, measure: feedback, exclusive: true, stall: FEEDBACK_STALL, ...callbacks });
    return this.#start(`publish ${stream}`, link);
  }

  drop(link) {
    link.stop();
    for (const [name, other] of this.#links) if (other === link) this.#links.delete(name);
  }

  leave() {
    this.#channel?.close();
    this.#channel = null;
    this.#presence?.abort();
    clearTimeout(this.#returnTimer);
    for (const link of this.#links.values()) link.stop();
    this.#links.clear();
  }

  #start(name, link) {
    this.#links.get(name)?.stop();
    this.#links.set(name, link);
    link.start();
    return link;
  }

  // Opens a stream's door with its grant; a grant that has run out is replaced by joining again.
  async #through(direction, stream, enter) {
    const find = () => this.info[direction].find((door) => door.stream === stream);
    let door = find();
    if (!door || this.#runsOut(door)) {
      await this.#rejoin();
      door = find();
    }
    if (!door) throw new ApiError(403, {});
    try {
      return await enter({ ...door, iceServers: this.info.ice_servers });
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 401) await this.#rejoin();
      throw failure;
    }
  }

  #runsOut({ expires_at: expiresAt }) {
    const serverNow = Date.parse(this.info.server_time) + (Date.now() - this.joinedAt);
    return Date.parse(expiresAt) - serverNow < GRANT_MARGIN;
  }

  #rejoin() {
    this.#rejoining ??= this.join().finally(() => (this.#rejoining = null));
    return this.#rejoining;
  }

  #receive(message) {
    switch (message.type) {
      case "welcome":
        for (const { stream, publishing, muted } of message.streams) {
          this.#note(stream, publishing);
          this.on.muted?.(stream, muted);
        }
        this.on.speaker?.(message.speaker);
        if (this.#preferred) this.#channel.send({ type: "prefer", stream: this.#preferred });
        break;
      case "stream_started":
        this.#note(message.stream, true);
        break;
      case "stream_stopped":
        this.#note(message.stream, false);
        break;
      case "speaker":
        this.on.speaker?.(message.stream);
        break;
      case "muted":
        this.on.muted?.(message.stream, message.muted);
        break;
      case "quality":
        this.on.quality?.(message);
        break;
      case "rung":
        this.on.rung?.(message);
        break;
      case "media_restarted":
        this.#awaitReturn();
        for (const link of this.#links.values()) link.restarted();
        break;
      case "missing":
      case "found":
        this.reachable = message.type === "found";
        this.on.reachable?.();
        break;
      case "lesson_ended":
        this.leave();
        this.on.ended(message.reason);
        break;
      case "removed":
        this.leave();
        this.on.removed(message.reason);
        break;
      case "refused":
        this.leave();
        this.on.refused(message.status);
        break;
    }
  }

  // Silence is no fault while the publishers, too, are on their way back.
  #awaitReturn() {
    for (const [stream, publishing] of this.#onAir) if (publishing) this.#returning.add(stream);
    clearTimeout(this.#returnTimer);
    this.#returnTimer = setTimeout(() => {
      for (const stream of [...this.#returning]) this.#note(stream, false);
    }, RETURN_LIMIT);
  }

  #note(stream, publishing) {
    this.#returning.delete(stream);
    this.#onAir.set(stream, publishing);
    this.on.stream(stream, publishing);
    this.on.muted?.(stream, false); // whoever begins to send is not muted until the channel says so
  }
}
