// WHIP publisher: one peer connection that sends one picture and one sound.

import { negotiate } from "./negotiate.js";

// What each kind of stream may cost a link. Sound goes first: when bandwidth runs short, the picture gives way.
export const PROFILES = Object.freeze({
  // Three layers, lowest first: every classroom gets the one that its link carries.
  main: {
    framerate: 30,
    hint: "motion",
    degradation: "balanced",
    layers: [
      { rid: "low", scaleResolutionDownBy: 4, maxBitrate: 100_000 },
      { rid: "middle", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
      { rid: "full", scaleResolutionDownBy: 1, maxBitrate: 2_000_000 },
    ],
  },
  site: { bitrate: 600_000, framerate: 20, hint: "motion", degradation: "balanced" },
  // Writing must stay readable: fewer frames, never fewer pixels.
  board: { bitrate: 1_800_000, framerate: 10, hint: "detail", degradation: "maintain-resolution" },
});
const SOUND_BITRATE = 48_000;

export async function publish(door, media, profile, signal) {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: door.iceServers });
  try {
    const sound = addSound(pc, media);
    const picture = addPicture(pc, media, profile);
    const session = await negotiate(pc, door, signal);
    await prefer(picture.sender, profile.degradation);
    session.senders = { audio: sound.sender, video: picture.sender };
    return session;
  } catch (failure) {
    pc.close();
    throw failure;
  }
}

// Both kinds are always offered, with or without a track: a device plugged in later needs no new session.
function addSound(pc, media) {
  return pc.addTransceiver(media.getAudioTracks()[0] ?? "audio", {
    direction: "sendonly",
    streams: [media],
    sendEncodings: [{ maxBitrate: SOUND_BITRATE, priority: "high", networkPriority: "high" }],
  });
}

function addPicture(pc, media, profile) {
  const track = media.getVideoTracks()[0];
  if (track) track.contentHint = profile.hint;
  const transceiver = pc.addTransceiver(track ?? "video", {
    direction: "sendonly",
    streams: [media],
    sendEncodings: layers(profile, track?.getSettings().height),
  });
  transceiver.setCodecPreferences(vp8First(RTCRtpSender.getCapabilities("video").codecs));
  return transceiver;
}

// Chromium encodes three layers from 540 lines on and two from 270: of more it would leave out the full one.
export function layers({ layers = [], bitrate = layers.at(-1)?.maxBitrate, framerate }, height = 720) {
  const encodings = height >= 270 ? layers.slice(height >= 540 ? -3 : -2) : [];
  if (!encodings.length) encodings.push({ maxBitrate: bitrate });
  return encodings.map((encoding) => ({ ...encoding, maxFramerate: framerate }));
}

// VP8: every browser decodes it, and a key frame of it stands alone, which late joiners need.
function vp8First(codecs) {
  const rank = ({ mimeType }) => (mimeType === "video/VP8" ? 0 : 1);
  return [...codecs].sort((a, b) => rank(a) - rank(b));
}

async function prefer(sender, degradation) {
  const parameters = sender.getParameters();
  parameters.degradationPreference = degradation;
  await sender.setParameters(parameters);
}

// Bytes heard back from the relay (its reports on what it received): when they cease, nobody is listening.
export async function feedback(pc) {
  let bytes = 0;
  let level = 0;
  for (const report of (await pc.getStats()).values()) {
    if (report.type === "transport") bytes += report.bytesReceived ?? 0;
    if (report.type === "media-source" && report.kind === "audio") level = report.audioLevel ?? 0;
  }
  return { bytes, level };
}
