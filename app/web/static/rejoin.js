// When to connect, wait and connect again: the decisions that keep one media session alive.
//
// Pure: time (in ms) and a random spread come in as arguments, a decision goes out. link.js carries it out.
//
//   idle ──start──► connecting ──connected──► connected
//                    ▲   │ refused, lost,        │ lost
//       the wait     │   ▼ too slow              ▼
//       is over      waiting ◄───────────────────┘
//
// `restarted` (the relay came back) leads to `connecting` at once from everywhere but idle;
// `denied` (asking again would be answered the same) leads to `denied` until the next `start`.

export const FIRST_RETRY = 300;
export const LAST_RETRY = 3000;
export const STALL = 1500;
export const LONGEST_STALL = 12000;
export const CONNECT_LIMIT = 6000;

export function fresh({ stall = STALL, spread = 1 } = {}) {
  return Object.freeze({ phase: "idle", attempt: 0, since: 0, until: 0, bytes: 0, movedAt: 0, stall, spread });
}

// `spread` (about 0.8 to 1.2, drawn once per page) keeps a county of sites from asking in the same instant.
export function retryDelay(attempt, spread = 1) {
  return Math.min(FIRST_RETRY * 2 ** attempt, LAST_RETRY) * spread;
}

// A fresh connection that stays silent points to a fault beyond our own leg, so patience doubles each time.
export function stallLimit(link) {
  return Math.min(link.stall * 2 ** link.attempt, Math.max(LONGEST_STALL, link.stall));
}

export function step(link, event, now) {
  switch (event.type) {
    case "start":
      return link.phase === "idle" || link.phase === "denied" ? connect(link, 0, now) : same(link);
    case "stop":
      return link.phase === "idle" ? same(link) : [become(link, { phase: "idle", attempt: 0 }), "disconnect"];
    case "restarted":
      return link.phase === "idle" || link.phase === "denied" ? same(link) : connect(link, 0, now);
    case "connected":
      return link.phase === "connecting"
        ? [become(link, { phase: "connected", since: now, bytes: 0, movedAt: now }), null]
        : same(link);
    case "denied":
      return link.phase === "idle" ? same(link) : [become(link, { phase: "denied", since: now }), "disconnect"];
    case "refused":
    case "lost":
      return link.phase === "connecting" || link.phase === "connected" ? wait(link, now) : same(link);
    case "tick":
      return tick(link, event, now);
    default:
      throw new Error(`rejoin: no such event: ${event.type}`);
  }
}

// `bytes`: received so far on this connection; `expected`: whether somebody is sending.
function tick(link, { bytes = 0, expected = false }, now) {
  if (link.phase === "waiting") return now >= link.until ? connect(link, link.attempt, now) : same(link);
  if (link.phase === "connecting") return now - link.since > CONNECT_LIMIT ? wait(link, now) : same(link);
  if (link.phase !== "connected") return same(link);
  if (bytes > link.bytes) return [become(link, { bytes, movedAt: now, attempt: 0 }), null];
  if (!expected) return [become(link, { movedAt: now }), null];
  return now - link.movedAt > stallLimit(link) ? connect(link, link.attempt + 1, now) : same(link);
}

function connect(link, attempt, now) {
  return [become(link, { phase: "connecting", attempt, since: now }), "connect"];
}

function wait(link, now) {
  const until = now + retryDelay(link.attempt, link.spread);
  return [become(link, { phase: "waiting", since: now, until, attempt: link.attempt + 1 }), "disconnect"];
}

function same(link) {
  return [link, null];
}

function become(link, change) {
  return Object.freeze({ ...link, ...change });
}
