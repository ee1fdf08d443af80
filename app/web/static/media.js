// Cameras, microphones and shared screens, with refusals in words a person can act on.

const WANTED = {
  main: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } },
  site: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 20, max: 30 } },
};
const VOICE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const BOARD = { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 10, max: 15 } };

export class NoDevice extends Error {
  // `words` is the key of the text to show.
  constructor(words) {
    super(words);
    this.words = words;
  }
}

// Camera and microphone; where only one of them is there, that one: a lesson with sound alone is still a lesson.
export async function openCamera(kind, chosen = {}) {
  if (!navigator.mediaDevices) throw new NoDevice("device.insecure");
  const video = { ...WANTED[kind], ...exactly(chosen.camera) };
  const audio = { ...VOICE, ...exactly(chosen.microphone) };
  const attempts = [{ video, audio }, { audio }, { video }];
  let firstFailure = null;
  for (const constraints of attempts) {
    try {
      return await navigator.mediaDevices.getUserMedia(constraints);
    } catch (failure) {
      firstFailure ??= failure;
      if (failure.name === "NotAllowedError") break; // asking for less would only ask the person again
    }
  }
  throw new NoDevice(wordsFor(firstFailure));
}

function exactly(deviceId) {
  return deviceId ? { deviceId: { exact: deviceId } } : {};
}

function wordsFor({ name }) {
  if (name === "NotAllowedError" || name === "SecurityError") return "device.denied";
  if (name === "NotReadableError" || name === "AbortError") return "device.busy";
  return "device.none";
}

// The key of the text about what is missing, or null when both are there.
export function whatIsMissing(media) {
  if (!media.getVideoTracks().length) return "device.no_camera";
  if (!media.getAudioTracks().length) return "device.no_microphone";
  return null;
}

// The screen, a window or a tab, with its sound where the browser offers that; null when the person chose nothing.
export async function openBoard() {
  try {
    return await navigator.mediaDevices.getDisplayMedia({ video: BOARD, audio: true });
  } catch (failure) {
    if (failure.name === "NotAllowedError" || failure.name === "AbortError") return null;
    throw new NoDevice("board.impossible");
  }
}

export async function listDevices() {
  const all = await navigator.mediaDevices.enumerateDevices();
  return {
    cameras: all.filter(({ kind }) => kind === "videoinput"),
    microphones: all.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId !== "communications"),
  };
}

// Reports how loud a microphone is (0 to 1) ten times a second, before and during a lesson; returns a way to stop.
export function meter(media, onLevel) {
  if (!media.getAudioTracks().length) return () => onLevel(0);
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  const samples = new Float32Array(analyser.fftSize);
  context.createMediaStreamSource(media).connect(analyser);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    onLevel(Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length));
  }, 100);
  return () => {
    clearInterval(timer);
    context.close();
    onLevel(0);
  };
}

// Loudness as an eye expects it: -50 dB is nothing, -10 dB is full.
export function showLevel(element, level) {
  const decibels = 20 * Math.log10(Math.max(level, 1e-5));
  const shown = Math.min(1, Math.max(0, (decibels + 50) / 40));
  element.style.setProperty("--level", shown.toFixed(2));
}

// Keeps the room's screen from going dark in the middle of a lesson.
export function keepAwake() {
  const request = () => {
    if (document.visibilityState !== "visible") return;
    navigator.wakeLock?.request("screen").catch(() => {
      // On low battery a browser may decline; the room's own settings rule then.
    });
  };
  document.addEventListener("visibilitychange", request);
  request();
}
