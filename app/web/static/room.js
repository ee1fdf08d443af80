// The screen of a main classroom: today's lessons of the room, and while one is on its sites and what the teacher shows.
// The teacher begins and ends the lesson elsewhere, as a person; this device may lend the room's camera and microphone.

import { lessonsOfToday, stageOf } from "./agenda.js";
import { ApiError, wordsFor, wordsForEnd, wordsForRemoval } from "./api.js";
import { Classroom, findLesson } from "./classroom.js";
import { terminalRoom } from "./device.js";
import { clock, say, text, wireLanguageButton } from "./i18n.js";
import { askAgain } from "./identity.js";
import { keepAwake } from "./media.js";
import { OwnCamera } from "./own.js";
import { byId, child, requireSignIn, showFault, wait } from "./page.js";
import { Sound } from "./sound.js";
import { sayTitle, titleOf } from "./subjects.js";
import { fitTiles, Tile } from "./tiles.js";

const LOOK_AGAIN = 15_000;
const SENDING = "tongtang.room_sends"; // the lesson that this room's camera is in: a reload goes on with it

const sound = new Sound(byId("sound"));
const own = new OwnCamera("main");
const sites = new Map(); // stream → { tile, link }
let zone; // the county's; the screen's own until the server has said it
let classroom = null;
let boardLink = null;
let begun = false; // the server lets the room's camera be sent, since the teacher has begun

wireLanguageButton();
if (requireSignIn()) begin();

async function begin() {
  byId("use").addEventListener("click", use);
  byId("stop").addEventListener("click", stop);
  fitTiles(byId("tiles"));
  keepAwake();
  const room = await terminalRoom();
  byId("name").textContent = room?.name ?? "";
  zone = room?.time_zone;
  attend();
}

// Tries until the doors are open: nobody stands here to press anything.
async function attend() {
  for (;;) {
    const delay = await enter().catch(fault);
    if (!delay) break;
    await wait(delay);
  }
  byId("fault-now").hidden = true;
  scene("on");
  showSites(classroom.info.lesson.sites);
  classroom.listen();
  if (classroom.isOnAir("board")) watchBoard();
  begun = classroom.info.publish.length > 0;
  offer();
  if (begun && sessionStorage.getItem(SENDING) === classroom.lessonId) use();
}

// Answers how long to wait before trying again; 0 when the doors are open.
async function enter() {
  await showPlan();
  const lessonId = await findLesson();
  if (!lessonId) {
    tell("lesson.none", "room.none.hint");
    return LOOK_AGAIN;
  }
  classroom = new Classroom(lessonId, {
    stream: noteStream,
    speaker: (speaker) => sites.forEach(({ tile }, stream) => tile.speak(stream === speaker)),
    muted: (stream, muted) => sites.get(stream)?.tile.mute(muted),
    ended: (reason) => goOut(wordsForEnd(reason)),
    removed: (reason) => goOut(wordsForRemoval(reason)),
    refused: (status) => (status === 401 ? askAgain() : goOut(wordsFor(new ApiError(status, {})))),
  });
  const { lesson, watch, time_zone: schoolZone } = await classroom.join();
  zone = schoolZone;
  const [from, to] = [lesson.starts_at, lesson.ends_at].map((time) => clock(new Date(time), zone));
  sayTitle(byId("title"), lesson, "room.lesson", { from, to, teacher: lesson.teacher.name });
  if (watch.length) return 0;
  const opensIn = classroom.opensIn();
  if (opensIn > 0) {
    tell("lesson.next", "room.next.hint", { from }, { title: () => titleOf(lesson), teacher: lesson.teacher.name });
    sayTitle(byId("hint"), lesson, "room.next.hint", { teacher: lesson.teacher.name });
  } else tell("lesson.over", "room.none.hint");
  return Math.min(opensIn, LOOK_AGAIN) + 500;
}

function fault(failure) {
  if (failure instanceof ApiError && failure.status === 401) askAgain();
  say(byId("fault-now"), wordsFor(failure));
  byId("fault-now").hidden = false;
  return LOOK_AGAIN;
}

// --- what is planned in this room today ---

async function showPlan() {
  const today = await lessonsOfToday(zone, true);
  byId("today").hidden = today.length === 0;
  byId("lessons").replaceChildren(...today.map(line));
  byId("fault-now").hidden = true;
}

function line(lesson) {
  const item = document.createElement("li");
  item.dataset.when = stageOf(lesson, Date.now());
  const [from, to] = [lesson.starts_at, lesson.ends_at].map((time) => clock(new Date(time), zone));
  say(child(item, "span", "from"), "lesson.time", { from, to });
  sayTitle(child(item, "span", "what"), lesson, "room.next.hint", { teacher: lesson.teacher.name });
  say(child(item, "span", "when"), `today.${item.dataset.when}`);
  return item;
}

// --- what comes in ---

function showSites(list) {
  byId("no-sites").hidden = list.length > 0;
  for (const site of list) {
    const news = (key) => say(byId("news"), "tile.news", { name: site.name, words: () => text(key) });
    const tile = new Tile(site, news);
    sites.set(site.stream, { tile, link: null });
    byId("tiles").append(tile.element);
    if (classroom.isOnAir(site.stream)) watchSite(site.stream);
  }
}

function watchSite(stream) {
  const site = sites.get(stream);
  site.link ??= classroom.watch(stream, {
    onChange: (link) => {
      if (link.phase === "connected") {
        site.tile.video.srcObject = link.session.media;
        play(site.tile.video);
      }
      update(stream, link.phase);
    },
    onLevel: (level) => site.tile.hear(level),
  });
  update(stream);
}

function update(stream, phase = sites.get(stream).link?.phase) {
  const arrives = phase === "connected" && classroom.isFlowing(stream);
  sites.get(stream).tile.update(classroom.isOnAir(stream), arrives);
}

function noteStream(stream, publishing) {
  if (stream === "board") {
    if (publishing) watchBoard();
    showBoard();
  } else if (sites.has(stream)) {
    if (publishing) watchSite(stream);
    else update(stream);
  } else if (stream === "main") {
    begun = true; // the channel says nothing of what one may not send
    if (!own.link) offer();
  }
}

function watchBoard() {
  boardLink ??= classroom.watch("board", {
    onChange: (link) => {
      if (link.phase === "connected") {
        byId("board").srcObject = link.session.media;
        play(byId("board"));
      }
      showBoard();
    },
  });
}

function showBoard() {
  const shown = classroom.isOnAir("board") && boardLink?.phase === "connected";
  document.querySelector(".on").toggleAttribute("data-board", shown);
}

// Sound comes from where the microphone is, or the sites would hear themselves: another device's does not know what
// this one plays, and cannot take it out.
function play(video) {
  if (own.link) return sound.play(video);
  video.muted = true;
  video.play().catch(() => {});
}

function playAll() {
  for (const video of document.querySelectorAll(".on video")) if (video.srcObject) play(video);
}

// --- the room's own camera ---

function offer() {
  const sends = own.link !== null;
  byId("use").hidden = sends || !begun;
  byId("stop").hidden = !sends;
  say(byId("explain"), sends ? "room.sends" : begun ? "room.use.hint" : "room.begins");
}

async function use() {
  byId("fault").hidden = true;
  byId("use").disabled = true;
  const link = await own.publishTo(classroom, "main", { onChange: showStatus, onDenied: denied });
  byId("use").disabled = false;
  if (!link) return; // no camera and no microphone: the fault says so
  sessionStorage.setItem(SENDING, classroom.lessonId);
  playAll();
  offer();
}

function stop() {
  sessionStorage.removeItem(SENDING);
  own.close();
  delete byId("status").dataset.state;
  playAll();
  if (byId("screen").dataset.scene === "on") offer();
}

function showStatus({ phase }) {
  const live = phase === "connected";
  byId("status").dataset.state = live ? "live" : "lost";
  say(byId("status"), live ? "room.live" : "teach.starting");
}

function denied(failure) {
  stop();
  showFault(byId("fault"), failure);
}

// --- the end ---

async function goOut(words) {
  stop();
  classroom.leave();
  boardLink = null;
  sites.clear();
  byId("tiles").replaceChildren();
  byId("board").srcObject = null;
  document.querySelector(".on").removeAttribute("data-board");
  byId("title").textContent = "";
  byId("fault").hidden = true;
  tell(words, "room.none.hint");
  await showPlan().catch(fault);
  await wait(LOOK_AGAIN);
  attend();
}

function tell(state, hint, stateValues, hintValues) {
  scene("waiting");
  say(byId("state"), state, stateValues);
  say(byId("hint"), hint, hintValues);
}

function scene(name) {
  byId("screen").dataset.scene = name;
  document.querySelector(".foot").hidden = name !== "on";
}
