// What every page needs at hand: its elements by id, its switches, its way to the sign-in page.

import { ApiError, get, wordsFor } from "./api.js";
import { say } from "./i18n.js";
import { askAgain, isSomebody } from "./identity.js";
import { keepPlace, placeOf } from "./session.js";

export const byId = (id) => document.getElementById(id);

export function requireSignIn() {
  if (isSomebody()) return true;
  keepPlace();
  location.replace("/");
  return false;
}

const HOMES = { teacher: "/teach", site_assistant: "/site" };

// Where they were when they had to sign in, else the page of the person's role; before anything else, a password of
// their own.
export async function goHome() {
  const { login, assignments, must_change_password: mustChange } = await get("/api/v1/me");
  const role = assignments.map((assignment) => assignment.role).find((name) => name in HOMES);
  location.replace(mustChange ? "/password" : (placeOf(login) ?? HOMES[role] ?? "/today"));
}

export function child(parent, tag, className = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent.append(element);
  return element;
}

// A fault in plain words. Being signed out is no fault to stare at: the sign-in page says the rest.
export function showFault(element, failure) {
  if (failure instanceof ApiError && failure.status === 401) return askAgain();
  say(element, failure.words ?? wordsFor(failure));
  element.hidden = false;
}

// A button that is on or off: says so to the eye, in words, and to a screen reader (role="switch").
export function setSwitch(button, on, name) {
  button.setAttribute("aria-checked", String(on));
  say(button.querySelector("[data-text]"), `${name}.${on ? "on" : "off"}`);
}

// From here on the page's buttons work: until now a press would have been lost, so they were disabled.
export function wired(part = document) {
  for (const button of part.querySelectorAll("button[data-waits]")) button.disabled = false;
}

// A box that shows what is typed into these fields; ticked before this runs, it counts all the same.
export function wireShowing(box, ...fields) {
  const show = () => fields.forEach((field) => (field.type = box.checked ? "text" : "password"));
  box.addEventListener("change", show);
  show();
}

// The keyboard goes on from here, where what it was on is gone.
export function goOnFrom(element) {
  const at = document.activeElement;
  if (at && at !== document.body && at.checkVisibility()) return;
  if (!element.matches("button, a, input, select")) element.tabIndex = -1;
  element.focus();
}

export function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
