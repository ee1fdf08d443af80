// WHEP player: one peer connection that receives picture and sound of one stream.

import { fresh, step } from "./hold.js";
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
  askForDependencies(pc.addTransceiver("video", { direction: "recvonly" }));
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addEventListener("track", ({ track }) => media.addTrack(track));
  return { pc, media };
}

// Says which layers of an AV1 picture belong together. Chromium knows the extension but does not offer it by itself;
// other browsers have no say in this.
function askForDependencies(transceiver) {
  const extensions = transceiver.getHeaderExtensionsToNegotiate?.() ?? [];
  for (const extension of extensions) {
    if (extension.uri.endsWith("#dependency-descriptor-rtp-header-extension")) extension.direction = "sendrecv";
  }
  transceiver.setHeaderExtensionsToNegotiate?.(extensions);
}

export async function watch(door, signal, prepared) {
  // What was prepared knows no ICE servers; where the lesson names some, it is of no use.
  if (door.iceServers.length) prepared?.pc.close();
  const { pc, media } = prepared && !door.iceServers.length ? prepared : connection(door.iceServers);
  try {
    const session = await negotiate(pc, door, signal, askForLostSound);
    session.media = media;
    return session;
  } catch (failure) {
    pc.close();
    throw failure;
  }
}

// Browsers do not offer to ask again for sound that was lost, but do so where the answer lets them (RFC 4585).
function askForLostSound(offer) {
  return offer.replace(/^a=rtpmap:(\d+) opus\/.*\r\n/m, (line, number) => `${line}a=rtcp-fb:${number} nack\r\n`);
}

const holds = new WeakMap(); // by connection

// Bytes of media so far, and how loud it is now (0 to 1). One report serves both, and what is held back on weak links.
export async function reception(pc) {
  let bytes = 0;
  let level = 0;
  const repairs = { asked: 0, received: 0, roundTrip: 0 };
  for (const report of (await pc.getStats()).values()) {
    if (report.type === "candidate-pair" && report.nominated) {
      repairs.roundTrip = (report.currentRoundTripTime ?? 0) * 1000;
    }
    if (report.type !== "inbound-rtp") continue;
    bytes += report.bytesReceived ?? 0;
    repairs.asked += report.nackCount ?? 0;
    repairs.received += report.packetsReceived ?? 0;
    if (report.kind === "audio") level = report.audioLevel ?? 0;
  }
  holdBack(pc, repairs);
  return { bytes, level };
}

function holdBack(pc, repairs) {
  const before = holds.get(pc) ?? fresh();
  const now = step(before, repairs, performance.now());
  holds.set(pc, now);
  if (now.hold === before.hold) return;
  // Both by the same, or lips and voice would part. Browsers that do not know the property ignore it.
  for (const receiver of pc.getReceivers()) receiver.jitterBufferTarget = now.hold || null;
}
