// Chinese and English. The server sends the page in the right language; this switches it without a reload
// (a reload would interrupt a lesson) and keeps what is said later in step.

import * as languages from "./texts.js";

const TAGS = { zh: "zh-Hans", en: "en" };
const values = new WeakMap();
let current = document.documentElement.lang.startsWith("zh") ? "zh" : "en";

// A value may be a function: it is called anew for each language (times, for instance).
export function text(key, given = {}) {
  const template = languages[current][key] ?? key;
  return template.replace(/\{(\w+)\}/g, (_, name) => (typeof given[name] === "function" ? given[name]() : given[name]));
}

// Puts a text on an element and keeps it in the chosen language from now on.
export function say(element, key, given = {}) {
  values.set(element, given);
  element.dataset.text = key;
  const words = text(key, given);
  if (element.textContent !== words) element.textContent = words; // unchanged words are not read out again
}

export function label(element, key, given = {}) {
  values.set(element, given);
  element.dataset.label = key;
  element.setAttribute("aria-label", text(key, given));
}

export function clock(date) {
  return () => new Intl.DateTimeFormat(TAGS[current], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(date);
}

export function day(date) {
  return () => new Intl.DateTimeFormat(TAGS[current], { weekday: "long", month: "long", day: "numeric" }).format(date);
}

// Every page has one such button; it names the other language in that language.
export function wireLanguageButton() {
  const button = document.getElementById("language");
  button.addEventListener("click", () => {
    current = current === "zh" ? "en" : "zh";
    document.cookie = `lang=${current}; path=/; max-age=31536000; SameSite=Lax`;
    show();
  });
}

function show() {
  document.documentElement.lang = TAGS[current];
  document.title = text(document.body.dataset.title);
  for (const element of document.querySelectorAll("[data-text]")) {
    say(element, element.dataset.text, values.get(element));
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    label(element, element.dataset.label, values.get(element));
  }
  document.getElementById("language").lang = TAGS[current === "zh" ? "en" : "zh"];
}
