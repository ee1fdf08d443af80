// What kept somebody's wish from being carried out, in plain words, where they look.

import { signInAgain } from "./again.js";
import { ApiError, Unreachable, wordsForCode } from "./api.js";
import { hasText, say } from "./i18n.js";

const BY_STATUS = { 403: "fault.forbidden", 404: "fault.gone", 412: "fault.stale", 429: "error.too_many", 503: "fault.busy" };

// Whoever is signed out signs in where they are, and finds what they have typed.
export async function tellFault(element, failure) {
  const isOut = failure instanceof ApiError && failure.status === 401;
  const [key, given] = isOut ? [(await signInAgain()) ? "again.done" : "error.signed_out"] : words(failure);
  say(element, key, given);
  element.hidden = false;
}

function words(failure) {
  if (failure.words) return [failure.words];
  if (failure instanceof Unreachable) return ["fault.unreachable"];
  if (!(failure instanceof ApiError)) return ["error.unexpected"];
  if (hasText(`fault.${failure.code}`)) return [`fault.${failure.code}`];
  const known = wordsForCode(failure.code) ?? (failure.code === "second_factor.add_first" ? "error.add_factor" : null);
  if (known) return [known];
  if (failure.status in BY_STATUS) return [BY_STATUS[failure.status]];
  // What is not in our list is said by the server, which knows more than "something went wrong".
  return failure.status < 500 ? ["fault.refused", { detail: failure.message }] : ["error.unexpected"];
}
