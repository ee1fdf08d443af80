// The public REST API, and its answers in words a person can act on.

import { ApiError, send, Unreachable, watched } from "./http.js";
import { identity } from "./identity.js";

export { ApiError, send, Unreachable };

const PATIENCE = 60_000; // milliseconds; after that a dead link is called one
const MOST_PAGES = 10;
const DRY_RUN = /\/(check|effects)(\?|$)/; // asks what would happen: a second time does no harm

export function get(path) {
  return watched(exchange("GET", path));
}

async function exchange(method, path, headers = {}, body = undefined) {
  const options = { method, headers: { ...(await identity()), ...headers }, body, signal: AbortSignal.timeout?.(PATIENCE) };
  try {
    const response = await send(path, options);
    return response.status === 204 ? null : await response.json();
  } catch (failure) {
    const isCut = failure instanceof TypeError || failure.name === "TimeoutError"; // in the middle of the answer
    throw isCut ? new Unreachable(failure.message) : failure;
  }
}

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
  const headers = body ? { "Content-Type": "application/json" } : {};
  if (version !== null) headers["If-Match"] = `"${version}"`;
  const text = body && JSON.stringify(body);
  if (method !== "POST" || DRY_RUN.test(path)) return watched(exchange(method, path, headers, text));
  return onlyOnce(`${path} ${text}`, (key) => watched(exchange(method, path, { ...headers, "Idempotency-Key": key }, text)));
}

const unanswered = new Map(); // what was sent and never answered, with its key

// What a lost link left without an answer may have been done: sent again as it was, it is not done twice.
async function onlyOnce(wish, carryOut) {
  const key = unanswered.get(wish) ?? [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
  unanswered.delete(wish);
  try {
    return await carryOut(key);
  } catch (failure) {
    if (failure instanceof Unreachable || failure.code === "idempotency.running") unanswered.set(wish, key);
    throw failure;
  }
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
