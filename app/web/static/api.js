// The public REST API, and its answers in words a person can act on.

import { ApiError, send, Unreachable } from "./http.js";
import { identity } from "./identity.js";

export { ApiError, send, Unreachable };

export async function get(path) {
  const response = await send(path, { headers: await identity() });
  return response.json();
}

const MOST_PAGES = 10;

// A whole list, for a choice to be made from it; it ends somewhere, since nobody chooses among thousands.
export async function getAll(path, most = MOST_PAGES) {
  const found = [];
  const query = new URLSearchParams({ limit: 200 });
  for (let page = 0; page < most; page++) {
    const { items, next } = await get(`${path}${path.includes("?") ? "&" : "?"}${query}`);
    found.push(...items);
    if (!next) break;
    query.set("after", next);
  }
  return found;
}

export async function post(path, body = {}) {
  return ask("POST", path, body);
}

// Any other method; what is asked for may come without a body. With the version that was looked at, nothing newer is
// overwritten.
export async function ask(method, path, body = undefined, version = null) {
  const headers = { ...(await identity()), ...(body ? { "Content-Type": "application/json" } : {}) };
  if (version !== null) headers["If-Match"] = `"${version}"`;
  const response = await send(path, { method, headers, body: body && JSON.stringify(body) });
  return response.status === 204 ? null : response.json();
}

// Signs this browser in; what proves it stays in a cookie, and the page gets the sign-in's name.
export function openSession(login, password, code = "") {
  return openedAt("/api/v1/session", { login, password, code });
}

// Signs in somebody for whom the identity provider vouched a moment ago, and who has a second factor here.
export function giveOwedCode(code) {
  return openedAt("/api/v1/session/code", { code });
}

async function openedAt(path, body) {
  const headers = { "Content-Type": "application/json" };
  const response = await send(path, { method: "POST", headers, body: JSON.stringify(body) });
  return (await response.json()).sign_in;
}

const BY_CODE = {
  "lesson.none_now": "error.no_lesson_now",
  "lesson.not_on_air": "error.not_on_air",
  "stream.taken": "error.stream_taken",
  "terminal.no_code": "terminals.wrong_code",
  "terminal.code_used": "terminals.code_used",
  "second_factor.add_first": "error.add_factor",
  "person.oneself": "people.oneself",
  "person.may_not_manage": "people.beyond",
};

const BY_STATUS = {
  401: "error.signed_out",
  403: "error.not_yours",
  404: "error.not_found",
  429: "error.too_many",
  503: "error.busy",
};

// The keys of the texts for a lesson that ended, and for somebody who is not in it any more.
export function wordsForEnd(reason) {
  return reason === "cancelled" || reason === "moved" ? "lesson.cancelled" : "lesson.over";
}

const REMOVED = ["account_closed", "signed_out", "site_dropped", "terminal_removed", "link_over"];

export function wordsForRemoval(reason) {
  return REMOVED.includes(reason) ? `removed.${reason}` : "removed.part_ended";
}

// The key of the text that one kind of problem has on every page, if it has one.
export const wordsForCode = (code) => BY_CODE[code];

// The key of the text that says what went wrong and what to do now.
export function wordsFor(failure) {
  if (failure instanceof Unreachable) return "error.unreachable";
  if (failure instanceof ApiError) return BY_CODE[failure.code] ?? BY_STATUS[failure.status] ?? "error.unexpected";
  return "error.unexpected";
}
