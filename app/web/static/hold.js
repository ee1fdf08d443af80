// How long a receiver holds sound and pictures back, so that what a weak link loses can come again in time. Pure.
//
// A browser's own buffer grows with jitter, but hardly with repairs: a lost packet, asked for again, comes a round trip
// late, and the picture stands still for that long. On a good link nothing is held back.

const WINDOW = 10_000; // milliseconds in which losses are counted
const SEVERAL = 3; // so many in that time are a weak link, fewer are chance
const NOTICE = 60; // until a loss is noticed and asked for
const HEAVY = 0.03; // share of packets asked for again from which on repairs get lost too often themselves
const LONGEST = 500;
const STEP = 20; // smaller changes are not worth a browser's effort

export function fresh() {
  return { seen: [], hold: 0 };
}

// `asked` counts requests for lost packets and `received` packets so far; `roundTrip` is in milliseconds.
export function step(state, { asked, received, roundTrip }, now) {
  const seen = [...state.seen.filter(({ at }) => now - at <= WINDOW), { at: now, asked, received }];
  const repairs = asked - seen[0].asked;
  if (repairs < SEVERAL) return { seen, hold: 0 };
  const tries = repairs > HEAVY * (received - seen[0].received) ? 3 : 2;
  const wanted = Math.min(LONGEST, Math.round(NOTICE + tries * roundTrip));
  return { seen, hold: Math.abs(wanted - state.hold) < STEP ? state.hold : wanted };
}
