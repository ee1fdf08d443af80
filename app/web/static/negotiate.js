// What WHIP (RFC 9725) and WHEP share: an SDP offer is posted, the answer comes back with the session's own address,
// and DELETE on that address ends the session. The relay is ICE-lite and its answer holds every candidate,
// so the offer leaves at once, without waiting for ours, and no PATCH follows.

import { ApiError, send } from "./api.js";

const CANCEL_AFTER = 8000;

// onlyFree: leave the stream to whoever sends it already.
export async function negotiate(pc, { url, token, onlyFree }, signal, alter = (offer) => offer) {
  if (!pc.localDescription) await pc.setLocalDescription();
  const response = await send(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/sdp", ...(onlyFree && { "If-None-Match": "*" }) },
    body: alter(pc.localDescription.sdp),
    signal: either(signal, CANCEL_AFTER),
  });
  const session = new Session(pc, new URL(response.headers.get("Location"), response.url), token);
  try {
    await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
  } catch (failure) {
    session.leave();
    throw failure;
  }
  return session;
}

function either(signal, milliseconds) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), milliseconds);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    controller.abort();
  });
  if (signal.aborted) controller.abort();
  return controller.signal;
}

class Session {
  constructor(pc, location, token) {
    this.pc = pc;
    this.location = location;
    this.token = token;
  }

  // Answers whether the session had been taken over by the same person's newer one; null when nobody knows what became
  // of it. keepalive lets the DELETE outlive the page, so that the others see at once who has gone.
  async leave() {
    this.pc.close();
    const headers = { Authorization: `Bearer ${this.token}` };
    try {
      await send(this.location, { method: "DELETE", headers, keepalive: true });
    } catch (failure) {
      // Unreachable: the relay notices the silence by itself.
      if (!(failure instanceof ApiError)) return null;
      return failure.code === "session.replaced" || (failure.status === 404 ? false : null);
    }
    return false;
  }
}
