// What the pages behind mailed links share: one form, one request, and then words instead of the form's button.

import { ApiError, send } from "./api.js";
import { say, wireLanguageButton } from "./i18n.js";
import { byId, showFault, wired } from "./page.js";

// The secret of the link; it leaves the address at once.
export function takeSecret() {
  const secret = location.hash.slice(1);
  if (secret) history.replaceState(null, "", location.pathname);
  return secret;
}

// `ask` gives the body, or null when something is missing; `faults` maps codes of the API to texts.
export function wireForm(path, ask, told, faults = {}) {
  wireLanguageButton();
  byId("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    byId("fault").hidden = true;
    const body = ask();
    if (body === null) return;
    byId("go").disabled = true;
    try {
      const headers = { "Content-Type": "application/json" };
      await send(path, { method: "POST", headers, body: JSON.stringify(body) });
      byId("go").hidden = true;
      for (const field of byId("form").querySelectorAll("input")) field.disabled = true;
      say(byId("told"), told);
      byId("told").hidden = false;
    } catch (failure) {
      const words = failure instanceof ApiError && faults[failure.code];
      showFault(byId("fault"), words ? { words } : failure);
      byId("go").disabled = false;
    }
  });
  wired();
}

export function complain(key, field) {
  showFault(byId("fault"), { words: key });
  field.focus();
  return null;
}
