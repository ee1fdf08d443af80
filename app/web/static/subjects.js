// The county's subjects: the API names them by codes, people read names, in the language they read.

import { get } from "./api.js";
import { language, say } from "./i18n.js";

let names = new Map(); // code → { zh, en }

// To be awaited before anything is named.
export async function loadSubjects() {
  const { items: found } = await get("/api/v1/subjects"); // all on one page
  names = new Map(found.map(({ code, name_zh: zh, name_en: en }) => [code, { zh, en }]));
  return found.map(({ code }) => code);
}

export const subjectName = (code) => names.get(code)?.[language()] ?? code;

// What a lesson is called: its title with the subject in the reader's words, whatever stands before the title's dot.
export function titleOf({ title, subject = null }) {
  const [first, ...rest] = (title || "").split(" · ");
  const code = [subject, first].find((each) => each && (names.has(each) || each === subject)) ?? null;
  if (!code) return title;
  const said = subjectName(code);
  const own = first === code ? rest.join(" · ") : title;
  if (!own || own === said) return said;
  const named = [code, ...Object.values(names.get(code) ?? {})];
  return named.some((each) => own.includes(each)) ? own : `${said} · ${own}`;
}

let loading = null;

// Names a lesson at once, and in the reader's words when those are known: a lesson never waits for them.
export async function sayTitle(element, lesson, key = "lesson.title", given = {}) {
  const name = () => say(element, key, { ...given, title: () => titleOf(lesson) });
  name();
  loading ??= loadSubjects();
  try {
    await loading;
  } catch {
    loading = null; // the link is down: the title is there, and the next lesson asks again
  }
  if (element.dataset.text === key) name();
}
