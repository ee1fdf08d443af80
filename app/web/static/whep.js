// WHEP player: one peer connection that receives picture and sound of one stream.

import { negotiate } from "./negotiate.js";

// The connection can be made before it is known what to watch: its set-up then overlaps with the first requests.
export function prepareWatching() {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const media = new MediaStream();
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addEventListener("track", ({ track }) => media.addTrack(track));
  return { pc, media };
}

export async function watch(door, signal, { pc, media } = prepareWatching()) {
  if (door.iceServers?.length) pc.setConfiguration({ ...pc.getConfiguration(), iceServers: door.iceServers });
  try {
    const session = await negotiate(pc, door, signal);
    session.media = media;
    return session;
  } catch (failure) {
    pc.close();
    throw failure;
  }
}

// Bytes of media so far, and how loud it is now (0 to 1). One report serves both.
export async function reception(pc) {
  let bytes = 0;
  let level = 0;
  for (const report of (await pc.getStats()).values()) {
    if (report.type !== "inbound-rtp") continue;
    bytes += report.bytesReceived ?? 0;
    if (report.kind === "audio") level = report.audioLevel ?? 0;
  }
  return { bytes, level };
}
