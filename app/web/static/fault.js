// What kept somebody's wish from being carried out, in plain words, where they look.

import { ApiError, Unreachable, wordsForCode } from "./api.js";
import { hasText, say } from "./i18n.js";
import { askAgain } from "./identity.js";

const BY_STATUS = { 403: "fault.forbidden", 404: "fault.gone", 412: "fault.stale", 429: "error.too_many", 503: "fault.busy" };

// Being signed out is no fault to stare at: the sign-in page says the rest.
export function tellFault(element, failure) {
  if (failure instanceof ApiError && failure.status === 401) return askAgain();
  const [key, given] = words(failure);
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
