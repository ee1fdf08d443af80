// WHEP player: one peer connection that receives picture and sound of one stream.

import { negotiate } from "./negotiate.js";

// A connection can be made before it is known what to watch: its set-up then overlaps with the first requests.
export function prepareWatching() {
  const prepared = connection([]);
  prepared.pc.setLocalDescription();
  return prepared;
}

function connection(iceServers) {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers });
  const media = new MediaStream();
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addEventListener("track", ({ track }) => media.addTrack(track));
  return { pc, media };
}

export async function watch(door, signal, prepared) {
  // What was prepared knows no ICE servers; where the lesson names some, it is of no use.
  if (door.iceServers.length) prepared?.pc.close();
  const { pc, media } = prepared && !door.iceServers.length ? prepared : connection(door.iceServers);
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
