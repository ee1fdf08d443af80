// The site's page: shows the lesson as soon as there is one, and sends the room's own picture and sound back.

import { ApiError, wordsFor, wordsForEnd, wordsForRemoval } from "./api.js";
import { Classroom, findLesson } from "./classroom.js";
import { DarkWatch } from "./dark.js";
import { clock, say, wireLanguageButton } from "./i18n.js";
import { askAgain } from "./identity.js";
import { keepAwake } from "./media.js";
import { OwnCamera } from "./own.js";
import { byId, requireSignIn, wait, wired } from "./page.js";
import { linkOf, Rungs } from "./quality.js";
import { signedInAs, takeSignInFromAddress } from "./session.js";
import { Sound } from "./sound.js";
import { sayTitle } from "./subjects.js";
import { prepareWatching } from "./whep.js";

const LOOK_AGAIN = 15_000;
const CONTROLS_REST = 8000;
const PICTURE_FIRST = 3000;

const stage = byId("stage");
const sound = new Sound(byId("sound"));
const own = new OwnCamera("site");
const picture = new DarkWatch(byId("main"), showState);
let classroom = null;
let mainLink = null;
let boardLink = null;
let seen = false; // a picture has been shown in this lesson
let heard = false; // sound has arrived on this connection
let rungs = new Rungs(); // how much of each picture our link lets through
let large = "board"; // the one of two pictures that matters more here

wireLanguageButton();
await takeSignInFromAddress();
if (requireSignIn()) begin();

function begin() {
  if (!window.RTCPeerConnection) return tell("error.old_browser");
  own.onOpen = () => sound.retry();
  byId("full").hidden = !document.fullscreenEnabled;
  byId("full").addEventListener("click", toggleFullScreen);
  byId("matters").addEventListener("click", () => {
    large = large === "board" ? "main" : "board";
    showBoard();
  });
  byId("main").addEventListener("resize", showState);
  byId("board").addEventListener("resize", showBoard);
  wired();
  keepAwake();
  restControls();
  attend();
}

// Tries until it is in: an unattended screen has nobody to press anything.
async function attend() {
  const prepared = prepareWatching();
  for (;;) {
    const delay = await enter().catch(fault);
    if (!delay) break;
    await wait(delay);
  }
  classroom.listen();
  mainLink = classroom.watch("main", { onChange: showMain, onLevel: noteSound, onDenied: goOut }, prepared);
  if (classroom.isOnAir("board")) watchBoard();
  const stream = classroom.info.publish[0]?.stream;
  if (stream) sendOwn(classroom, stream);
  showState();
}

// Answers how long to wait before trying again; 0 when the doors are open.
async function enter() {
  const lessonId = await findLesson();
  if (!lessonId) {
    tell("lesson.none", "lesson.none.hint");
    return LOOK_AGAIN;
  }
  const on = {
    stream: noteStream,
    reachable: showState,
    quality: ({ own: measured }) => noteLink(() => rungs.set(measured)),
    rung: (message) => message.site || noteLink(() => rungs.note(message)),
    ended: (reason) => goOut({ words: wordsForEnd(reason), hint: "lesson.over.hint" }),
    removed: (reason) => goOut({ words: wordsForRemoval(reason), hint: "removed.hint" }),
    refused: refuse,
  };
  classroom = new Classroom(lessonId, on);
  const { lesson, watch, time_zone: zone } = await classroom.join();
  const [from, to] = [new Date(lesson.starts_at), new Date(lesson.ends_at)];
  sayTitle(byId("title"), lesson);
  say(byId("time"), "lesson.time", { from: clock(from, zone), to: clock(to, zone) });
  if (watch.length) return 0;
  const opensIn = classroom.opensIn();
  if (opensIn > 0) {
    tell("lesson.next", "lesson.next.hint", { from: clock(from, zone) }, { from: clock(new Date(lesson.opens_at), zone) });
  } else {
    tell("lesson.over", "lesson.over.hint");
  }
  return Math.min(opensIn, LOOK_AGAIN) + 500;
}

function fault(failure) {
  if (failure instanceof ApiError && failure.status === 401) askAgain();
  else tell(wordsFor(failure));
  return LOOK_AGAIN;
}

// --- what comes in ---

function showMain(link) {
  if (link.phase === "connected") play(byId("main"), link.session.media);
  else heard = false;
  showState();
}

function watchBoard() {
  const onChange = (link) => link.phase === "connected" && play(byId("board"), link.session.media);
  boardLink ??= classroom.watch("board", { onChange });
  showBoard();
}

function noteStream(stream, publishing) {
  if (stream === "main") {
    showState();
    showBoard();
  }
  if (stream !== "board") return;
  if (publishing) watchBoard();
  else showBoard();
}

// The board becomes large only once it has something to show: no black screen in between.
function showBoard() {
  const board = byId("board");
  const shown = boardLink !== null && classroom.isOnAir("board") && board.videoWidth > 0;
  board.classList.toggle("unseen", !shown);
  stage.dataset.board = shown ? "on" : "off";
  stage.dataset.large = large;
  const both = boardLink !== null && classroom.isOnAir("board") && classroom.isOnAir("main");
  byId("matters").hidden = !both;
  say(byId("matters").querySelector("[data-text]"), large === "board" ? "site.prefer.main" : "site.prefer.board");
  classroom.prefer(both ? large : "main");
  showLink();
  showState();
}

// What the relay says of our link. The sound is what it protects, so nobody needs to do anything.
function noteLink(note) {
  note();
  showLink();
  showState();
}

function showLink() {
  const given = rungs.among((stream) => classroom.isOnAir(stream));
  const link = linkOf(given);
  byId("weak").hidden = link === "good" || !mainLink;
  const smaller = given.includes("audio_only") ? "site.weak_still" : "site.weak";
  say(byId("weak-words"), link === "sound" ? "site.weak_sound" : smaller);
}

function play(video, media) {
  if (video.srcObject !== media) video.srcObject = media;
  sound.play(video);
}

function noteSound(level) {
  if (heard || level === 0) return;
  heard = true;
  showState();
}

// --- what is said about it ---

function showState() {
  if (!mainLink) return;
  const shows = byId("main").videoWidth > 0 && !picture.dark;
  seen ||= shows;
  const arrives = mainLink.phase === "connected";
  // Without a server nobody can say that the teacher has come.
  if (!classroom.isOnAir("main") && !classroom.reachable) return tell("error.unreachable");
  if (!classroom.isOnAir("main")) return tell("site.waiting", "site.waiting.hint");
  if (arrives && shows) {
    // The teacher's last picture stands still then; beside a screen that moves it may.
    const still = rungs.of("main") === "audio_only" && stage.dataset.board !== "on";
    if (still) tell("site.sound_only", "site.weak_sound");
    stage.dataset.words = still ? "strip" : "none";
    return;
  }
  if (arrives && (heard || picture.dark)) return tell("site.sound_only", "site.sound_only.hint");
  if (!seen) return tell("site.connecting", "site.connecting.hint");
  tell("site.reconnecting", "site.reconnecting.hint");
  stage.dataset.words = "strip";
}

function tell(state, hint, stateValues, hintValues) {
  stage.dataset.words = "all";
  byId("way").hidden = mainLink !== null || !signedInAs(); // a terminal or a guest has no other page
  say(byId("state"), state, stateValues);
  byId("hint").hidden = !hint;
  if (hint) say(byId("hint"), hint, hintValues);
}

// --- the room ---

// The camera is asked for at once, because a page that records may also make sound. Sending waits for the lesson's
// picture: the first seconds of a weak link belong to that.
async function sendOwn(lesson, stream) {
  if (!(await own.open())) return own.publishLater(lesson, stream);
  const deadline = Date.now() + PICTURE_FIRST;
  while (lesson.isOnAir("main") && !seen && Date.now() < deadline) await wait(100);
  if (lesson === classroom && mainLink) own.publishTo(lesson, stream);
}

function toggleFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
}

// A class watches the picture, not the buttons; any movement or key brings them back.
function restControls() {
  let timer = 0;
  const wake = () => {
    document.body.classList.remove("resting");
    clearTimeout(timer);
    timer = setTimeout(() => document.body.classList.add("resting"), CONTROLS_REST);
  };
  for (const sign of ["pointermove", "pointerdown", "keydown", "focusin"]) addEventListener(sign, wake);
  wake();
}

// --- the end ---

// The lesson is over, or its doors were closed to us: say so, then look for the next one.
async function goOut(why) {
  classroom.leave();
  own.close();
  mainLink = boardLink = null;
  seen = heard = false;
  rungs = new Rungs();
  large = "board";
  byId("main").srcObject = byId("board").srcObject = null;
  showBoard();
  tell(why.words ?? wordsFor(why), why.hint);
  await wait(LOOK_AGAIN);
  attend();
}

function refuse(status) {
  if (status === 401) askAgain();
  else goOut(new ApiError(status, {}));
}
