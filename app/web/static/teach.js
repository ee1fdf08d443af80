// The teacher's page: check picture and sound, press one button, teach, see and hear the sites.

import { ApiError, post, wordsFor, wordsForEnd, wordsForRemoval } from "./api.js";
import { BoardShare } from "./board.js";
import { Classroom, findLesson } from "./classroom.js";
import { clock, say, text, wireLanguageButton } from "./i18n.js";
import { askAgain } from "./identity.js";
import { TakenOver } from "./link.js";
import { keepAwake } from "./media.js";
import { DeviceChoice, OwnCamera } from "./own.js";
import { byId, requireSignIn, showFault, wait, wired } from "./page.js";
import { linkOf, Rungs } from "./quality.js";
import { signedInAs, takeSignInFromAddress } from "./session.js";
import { Sound } from "./sound.js";
import { sayTitle } from "./subjects.js";
import { fitTiles, Tile } from "./tiles.js";

const LOOK_AGAIN = 15_000;
const WEAK_LOSS = 0.05; // of what we send
const ON_AIR = "tongtang.on_air"; // the lesson this tab is teaching: a reload goes on with it

const desk = byId("desk");
const sound = new Sound(byId("sound"));
const own = new OwnCamera("main");
const devices = new DeviceChoice(own);
const board = new BoardShare();
const sites = new Map(); // stream → { tile, link, rungs }
const received = new Rungs(); // how much of each site our own link lets through
let classroom = null;
let quiet = false; // another device has taken the lesson over, and plays its sound

wireLanguageButton();
await takeSignInFromAddress();
if (requireSignIn()) begin();

function begin() {
  byId("way").hidden = !signedInAs(); // a guest has this lesson only
  if (!window.RTCPeerConnection) return tell("error.old_browser");
  own.onOpen = () => {
    sound.retry();
    devices.refresh();
  };
  byId("start").addEventListener("click", start);
  byId("again").addEventListener("click", () => location.reload());
  byId("share").addEventListener("click", () => board.toggle(classroom));
  byId("end").addEventListener("click", () => byId("ending").showModal());
  byId("ending").addEventListener("close", () => byId("ending").returnValue === "yes" && end());
  wired();
  keepAwake();
  attend();
}

async function attend() {
  for (;;) {
    const delay = await enter().catch(fault);
    if (!delay) break;
    await wait(delay);
  }
  scene("ready");
  showSites(classroom.info.lesson.sites);
  classroom.listen();
  offerStart();
  own.open();
  if (sessionStorage.getItem(ON_AIR) === classroom.lessonId) start();
}

// Answers how long to wait before trying again; 0 when the doors are open.
async function enter() {
  const lessonId = await findLesson();
  if (!lessonId) {
    tell("lesson.none", "lesson.none.hint");
    return LOOK_AGAIN;
  }
  classroom = new Classroom(lessonId, {
    stream: noteStream,
    speaker: noteSpeaker,
    muted: (stream, muted) => sites.get(stream)?.tile.mute(muted),
    quality: noteQuality,
    rung: noteRung,
    ended: (reason) => over(reason === "ended" ? "teach.ended" : wordsForEnd(reason)),
    removed: (reason) => over(wordsForRemoval(reason)),
    refused: refuse,
  });
  const { lesson, role, publish, time_zone: zone } = await classroom.join();
  const [from, to] = [new Date(lesson.starts_at), new Date(lesson.ends_at)];
  sayTitle(byId("title"), lesson);
  say(byId("time"), "lesson.time", { from: clock(from, zone), to: clock(to, zone) });
  if (role !== "teacher") return guest(lessonId);
  if (publish.length) return 0;
  const opensIn = classroom.opensIn();
  if (opensIn > 0) {
    tell("lesson.next", "lesson.next.hint", { from: clock(from, zone) }, { from: clock(new Date(lesson.opens_at), zone) });
  } else {
    tell("lesson.over", "lesson.over.hint");
  }
  return Math.min(opensIn, LOOK_AGAIN) + 500;
}

function guest(lessonId) {
  tell("teach.not_teacher");
  byId("way").href = `/site?lesson=${encodeURIComponent(lessonId)}`;
  say(byId("way").firstElementChild, "teach.watch");
  return new Promise(() => {}); // nothing more happens on this page
}

function fault(failure) {
  if (failure instanceof ApiError && failure.status === 401) askAgain();
  else tell(wordsFor(failure));
  return LOOK_AGAIN;
}

// --- before the lesson ---

function offerStart() {
  const { state } = classroom.info.lesson;
  const running = state === "live" || state === "interrupted" || classroom.isOnAir("main");
  say(byId("start").querySelector("[data-text]"), running ? "teach.resume" : "teach.start");
  desk.toggleAttribute("data-running", running); // it can be ended from here
  say(byId("ready"), classroom.isOnAir("main") ? "teach.elsewhere" : "teach.ready");
}

// --- the lesson ---

async function start() {
  byId("start").disabled = true;
  const link = await own.publishTo(classroom, "main", { onChange: showStatus, onDenied: denied });
  byId("start").disabled = false;
  if (!link) return; // no camera and no microphone: the fault says so
  quiet = false;
  for (const { tile } of sites.values()) if (tile.video.srcObject) sound.play(tile.video);
  sessionStorage.setItem(ON_AIR, classroom.lessonId);
  scene("live");
  showStatus(link);
  byId("microphone").focus();
}

let wasLive = false;
let isWeak = false; // what we send arrives with gaps
function showStatus({ phase }) {
  const live = phase === "connected";
  wasLive ||= live;
  byId("status").dataset.state = live ? "live" : "lost";
  const onAir = isWeak ? "teach.live_weak" : "teach.live";
  say(byId("status"), live ? onAir : wasLive ? "teach.reconnecting" : "teach.starting");
}

function denied(failure) {
  stopTeaching();
  // The room's own screen may have taken over: its microphone must not hear the sites from here.
  quiet = failure instanceof TakenOver;
  if (quiet) for (const { tile } of sites.values()) tile.video.muted = true;
  scene("ready");
  showFault(byId("fault"), failure);
  offerStart();
}

function stopTeaching() {
  sessionStorage.removeItem(ON_AIR);
  board.stop();
  own.unpublish();
  wasLive = false;
  delete byId("status").dataset.state;
}

// --- the sites ---

function showSites(list) {
  byId("no-sites").hidden = list.length > 0;
  for (const site of list) {
    const news = (key) => say(byId("news"), "tile.news", { name: site.name, words: () => text(key) });
    const tile = new Tile(site, news);
    tile.video.addEventListener("resize", () => update(site.stream));
    sites.set(site.stream, { tile, link: null, rungs: new Rungs() });
    byId("tiles").append(tile.element);
    if (classroom.isOnAir(site.stream)) watchSite(site.stream);
  }
  fitTiles(byId("tiles"));
}

// A site is watched from the moment it first comes; the connection then stays, so that its return is instant.
function watchSite(stream) {
  const site = sites.get(stream);
  site.link ??= classroom.watch(stream, {
    onChange: (link) => {
      if (link.phase === "connected") {
        site.tile.video.srcObject = link.session.media;
        if (!quiet) sound.play(site.tile.video);
        else site.tile.video.play().catch(() => {});
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
  if (sites.has(stream)) {
    if (publishing) watchSite(stream);
    else update(stream);
  } else if (stream === "main" && desk.dataset.scene === "ready") {
    offerStart();
  }
}

function noteSpeaker(speaker) {
  for (const [stream, { tile }] of sites) tile.speak(stream === speaker);
}

// What the relay measures of each site's link: every few seconds, and at once when its picture changes size.
function noteQuality({ sites: measured, own: mine }) {
  received.set(mine);
  isWeak = mine.some(({ direction, stream, loss }) => direction === "publish" && stream === "main" && loss >= WEAK_LOSS);
  if (own.link) showStatus(own.link);
  for (const { site, state, streams } of measured) {
    sites.get(`site-${site}`)?.rungs.set(streams);
    judge(`site-${site}`, state === "weak");
  }
}

function noteRung({ site, stream, rung }) {
  if (site) sites.get(`site-${site}`)?.rungs.note({ stream, rung });
  else received.note({ stream, rung });
  judge(site ? `site-${site}` : stream);
}

function judge(stream, troubled = false) {
  const found = sites.get(stream);
  const rungs = found?.rungs.among((each) => classroom.isOnAir(each)) ?? [];
  // Without room for the site's picture on our own way down it stands still here, however well the site sees us.
  found?.tile.judge(received.of(stream) === "audio_only" ? "sound" : linkOf(rungs, troubled));
}

// --- the end ---

// For everybody and for good. Where the server cannot be asked, or the lesson had not begun for it, we leave at least.
async function end() {
  const lesson = encodeURIComponent(classroom.lessonId);
  const ended = await post(`/api/v1/lessons/${lesson}/end`).then(() => true, () => false);
  over("teach.ended", ended ? "teach.ended.hint" : "teach.ended.only_here");
  byId("again").hidden = ended;
}

function over(state, hint) {
  stopTeaching();
  classroom.leave();
  own.close();
  tell(state, hint);
}

function refuse(status) {
  if (status === 401) askAgain();
  else over(wordsFor(new ApiError(status, {})));
}

function tell(state, hint, stateValues, hintValues) {
  scene("words");
  say(byId("state"), state, stateValues);
  byId("hint").hidden = !hint;
  if (hint) say(byId("hint"), hint, hintValues);
}

function scene(name) {
  desk.dataset.scene = name;
}
