// Parts of forms, each with its label, and the dialog they stand in.

import { tellFault } from "./fault.js";
import { say } from "./i18n.js";
import { byId, child } from "./page.js";

let made = 0;
let openedFrom = null;

// Empties the dialog for something new; returns the place for it.
export function openPanel(key, given = {}) {
  const panel = byId("panel");
  if (!panel.open) openedFrom = document.activeElement?.closest("section");
  say(byId("panel-title"), key, given);
  const body = document.createElement("div"); // what comes late for another one goes nowhere
  byId("panel-body").replaceChildren(body);
  if (!panel.open) panel.showModal();
  return body;
}

// Does what a part of a dialog begins with, and answers whether that went well. Until then it says that it waits;
// where it fails it says why, and a button does `again`.
export async function prepare(place, act, again) {
  const wait = child(place, "p", "hint");
  wait.setAttribute("role", "status");
  say(wait, "panel.loading");
  try {
    await act();
    return true;
  } catch (failure) {
    const fault = child(place, "p", "fault");
    fault.setAttribute("role", "alert");
    tellFault(fault, failure);
    button(child(place, "div", "choices"), "frame.again", again);
    return false;
  } finally {
    wait.remove();
  }
}

// The part of the page that the dialog was opened from: what the keyboard was on there may be gone since.
export const panelFrom = () => openedFrom;

export const closePanel = () => byId("panel").close();
byId("panel-close").addEventListener("click", closePanel);

export function field(parent, key, control, given = {}) {
  const line = child(parent, "p", "field");
  const name = child(line, "label");
  say(name, key, given);
  control.id ||= `field-${++made}`;
  name.htmlFor = control.id;
  line.append(control);
  return control;
}

export function input(type, value, attributes = {}) {
  const control = document.createElement("input");
  Object.assign(control, { type, ...attributes });
  control.value = value;
  return control;
}

// items: { id, name } or { id, key, given }.
export function select(items, chosen = null) {
  const control = document.createElement("select");
  for (const item of items) addOption(control, item);
  if (chosen !== null) control.value = chosen;
  return control;
}

export function addOption(parent, { id, name, key, given }) {
  const option = child(parent, "option");
  option.value = id;
  if (key) say(option, key, given);
  else option.textContent = name;
}

// Several that go together, one or any number of them to be ticked; returns what is ticked.
export function ticks(parent, type, key, items) {
  const set = child(parent, "fieldset", "ticks");
  say(child(set, "legend"), key);
  const name = `ticks-${++made}`;
  for (const item of items) {
    const line = child(set, "label");
    const box = child(line, "input");
    Object.assign(box, { type, name, value: item.id, checked: Boolean(item.checked) });
    const words = child(line, "span");
    if (item.key) say(words, item.key, item.given);
    else words.textContent = item.name;
  }
  return { set, chosen: () => [...set.querySelectorAll("input:checked")].map(({ value }) => value) };
}

export function button(parent, key, act, className = "button") {
  const control = child(parent, "button", className);
  control.type = "button";
  say(child(control, "span"), key);
  control.addEventListener("click", act);
  return control;
}

// A form with its fault line and its buttons; `carryOut` may throw, and nothing is asked twice at once. `onFault` says
// (or promises) whether it has told the failure itself.
export function form(parent, key, carryOut, onFault = () => false) {
  const whole = child(parent, "form", "desk-form");
  whole.noValidate = true;
  const fields = child(whole, "div", "fields");
  const fault = child(whole, "p", "fault");
  fault.setAttribute("role", "alert");
  fault.hidden = true;
  const findings = child(whole, "div", "findings");
  findings.setAttribute("role", "status");
  const ways = child(whole, "div", "choices");
  const go = child(ways, "button", "main-button");
  say(child(go, "span"), key);
  whole.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    fault.hidden = true;
    findings.replaceChildren();
    try {
      await carryOut();
    } catch (failure) {
      if (!(await onFault(failure))) tellFault(fault, failure);
    } finally {
      go.disabled = false;
    }
  });
  return { whole, fields, fault, findings, ways, go };
}
