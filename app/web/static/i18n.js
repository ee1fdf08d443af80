// Chinese and English. The server sends the page in the right language; this switches it without a reload
// (a reload would interrupt a lesson) and keeps what is said later in step.

const TAGS = { zh: "zh-Hans", en: "en" };
const values = new WeakMap();
let current = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const languages = { [current]: await load(current) };

// Beside the texts of all pages a page has those of its kind: a classroom's link need not carry the bureau's.
async function load(language) {
  const parts = document.documentElement.dataset.texts.split(" ").filter(Boolean);
  const files = [`./texts.${language}.js`, ...parts.map((part) => `./texts.${language}.${part}.js`)];
  const found = await Promise.all(files.map((file) => import(file)));
  return Object.assign({}, ...found.map(({ default: texts }) => texts));
}

export const language = () => current;

// A value may be a function: it is called anew for each language (times, for instance).
export function text(key, given = {}) {
  const template = languages[current][key] ?? key;
  return template.replace(/\{(\w+)\}/g, (_, name) => (typeof given[name] === "function" ? given[name]() : given[name]));
}

export const hasText = (key) => Object.hasOwn(languages[current], key);

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

// A date or time as the language writes it, with the options of Intl.DateTimeFormat.
export function dated(date, options) {
  return () => new Intl.DateTimeFormat(TAGS[current], options).format(date);
}

export function clock(date, timeZone = undefined) {
  return dated(date, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone });
}

export function day(date, timeZone = undefined) {
  return dated(date, { weekday: "long", month: "long", day: "numeric", timeZone });
}

// Every page has one such button; it names the other language in that language.
export function wireLanguageButton() {
  const button = document.getElementById("language");
  button.addEventListener("click", async () => {
    const other = current === "zh" ? "en" : "zh";
    try {
      languages[other] ??= await load(other);
    } catch {
      return; // the link is down: better the words that are there than none
    }
    current = other;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `lang=${current}; path=/; max-age=31536000; SameSite=Lax${secure}`;
    show();
  });
  button.disabled = false;
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
  document.dispatchEvent(new Event("reworded")); // for what the server says in words
}
