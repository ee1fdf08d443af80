// The person's own camera and microphone: preview, switches, sound level, choice of devices, and sending.

import { text } from "./i18n.js";
import { listDevices, meter, openCamera, showLevel, whatIsMissing } from "./media.js";
import { byId, setSwitch, showFault } from "./page.js";

const KINDS = { microphone: "audio", camera: "video" };

export class OwnCamera {
  #profile;
  #media = null;
  #stopMeter = null;
  #opening = null;
  #destination = null; // how to send again once a device is back
  #on = { microphone: true, camera: true };

  constructor(profile) {
    this.#profile = profile;
    this.onOpen = () => {};
    this.link = null;
    for (const name of Object.keys(KINDS)) {
      byId(name).hidden = true;
      byId(name).addEventListener("click", () => this.#toggle(name));
    }
    byId("retry").addEventListener("click", () => this.#again());
  }

  // Opens the devices once, however often it is asked; answers whether there is anything to send.
  open() {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  // Remembers where to send, for when the person has put the devices right and asks to try again.
  publishLater(classroom, stream, callbacks = {}) {
    this.#destination = { classroom, stream, callbacks };
  }

  async publishTo(classroom, stream, callbacks = {}) {
    this.publishLater(classroom, stream, callbacks);
    if (!(await this.open()) || !this.#destination) return null;
    const onDenied = callbacks.onDenied ?? ((failure) => showFault(byId("fault"), failure));
    this.link = classroom.publish(stream, this.#media, this.#profile, { ...callbacks, onDenied });
    return this.link;
  }

  // Stops sending; the preview stays.
  unpublish() {
    if (this.link) this.#destination.classroom.drop(this.link);
    this.link = this.#destination = null;
  }

  close() {
    this.unpublish();
    this.#stopMeter?.();
    for (const track of this.#media?.getTracks() ?? []) track.stop();
    this.#media = this.#opening = this.#stopMeter = null;
    this.#show();
  }

  // Another camera or microphone, in the middle of a lesson too: the connection stays, only its tracks change.
  async change(chosen) {
    const before = this.#media;
    // Some devices open only once: the old ones are let go first.
    for (const track of before?.getTracks() ?? []) track.stop();
    this.#stopMeter?.();
    this.#opening = this.#open(chosen);
    if (!(await this.#opening)) return;
    const senders = this.link?.session?.senders;
    await senders?.audio.replaceTrack(this.#media.getAudioTracks()[0] ?? null);
    await senders?.video.replaceTrack(this.#media.getVideoTracks()[0] ?? null);
  }

  // What is in use now, for the lists of the dialog.
  deviceIds() {
    const id = (track) => track?.getSettings().deviceId;
    return { camera: id(this.#media?.getVideoTracks()[0]), microphone: id(this.#media?.getAudioTracks()[0]) };
  }

  async #open(chosen) {
    byId("fault").hidden = byId("retry").hidden = true;
    try {
      this.#take(await openCamera(this.#profile, chosen));
    } catch (failure) {
      this.#fail(failure);
      return false;
    }
    const missing = whatIsMissing(this.#media);
    if (missing) showFault(byId("fault"), { words: missing });
    this.#show();
    this.onOpen();
    return true;
  }

  // The stream object stays the same, so that a link that reconnects later sends what is in it then.
  #take(fresh) {
    this.#media ??= new MediaStream();
    for (const track of this.#media.getTracks()) this.#media.removeTrack(track);
    for (const track of fresh.getTracks()) {
      track.enabled = this.#on[track.kind === "audio" ? "microphone" : "camera"];
      track.addEventListener("ended", () => this.#lost(track));
      this.#media.addTrack(track);
    }
    this.#stopMeter = meter(this.#media, (level) => showLevel(byId("level"), level));
  }

  #lost(track) {
    if (!this.#media?.getTracks().includes(track)) return;
    showFault(byId("fault"), { words: "device.lost" });
    byId("retry").hidden = false;
  }

  #fail(failure) {
    this.#opening = null;
    this.#show();
    showFault(byId("fault"), failure);
    byId("retry").hidden = false;
  }

  async #again() {
    if (this.link) await this.change({});
    else if (this.#destination) await this.publishTo(...Object.values(this.#destination));
    else await this.open();
  }

  #show() {
    const picture = byId("own-picture");
    const tracks = (name) => this.#media?.getTracks().filter(({ kind }) => kind === KINDS[name]) ?? [];
    picture.srcObject = tracks("camera").length ? this.#media : null;
    byId("own").hidden = !this.#media;
    for (const name of Object.keys(KINDS)) byId(name).hidden = tracks(name).length === 0;
  }

  #toggle(name) {
    this.#on[name] = !this.#on[name];
    for (const track of this.#media.getTracks()) if (track.kind === KINDS[name]) track.enabled = this.#on[name];
    setSwitch(byId(name), this.#on[name], name);
  }
}

// The dialog with the two lists; the button that opens it appears only where there is something to choose.
export class DeviceChoice {
  #own;

  constructor(own) {
    this.#own = own;
    byId("change").addEventListener("click", () => this.#ask());
    for (const id of ["cameras", "microphones"]) byId(id).addEventListener("change", () => this.#apply());
    navigator.mediaDevices?.addEventListener("devicechange", () => this.refresh());
  }

  async refresh() {
    if (!navigator.mediaDevices) return;
    const { cameras, microphones } = await listDevices();
    const inUse = this.#own.deviceIds();
    fill(byId("cameras"), cameras, inUse.camera);
    fill(byId("microphones"), microphones, inUse.microphone);
    byId("change").hidden = cameras.length < 2 && microphones.length < 2;
  }

  async #ask() {
    await this.refresh();
    byId("devices").showModal();
  }

  #apply() {
    this.#own.change({ camera: byId("cameras").value, microphone: byId("microphones").value });
  }
}

function fill(select, devices, inUse) {
  const options = devices.map(({ deviceId, label }, index) => {
    const option = new Option(label || text("devices.unnamed", { number: index + 1 }), deviceId);
    option.selected = deviceId === inUse;
    return option;
  });
  select.replaceChildren(...options);
  select.disabled = options.length === 0;
}
