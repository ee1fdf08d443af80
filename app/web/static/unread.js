// How many notices are unread, beside the way to them. Nobody waits for it: a page does without where it does not come.

import { send } from "./http.js";
import { say } from "./i18n.js";
import { child } from "./page.js";
import { signInHeader } from "./session.js";

export async function showUnread() {
  try {
    const answer = await send("/api/v1/me/notices/unread", { headers: signInHeader() });
    fillIn((await answer.json()).unread);
  } catch {
    // What the page itself asks for says what is wrong.
  }
}

export function fillIn(count) {
  for (const place of document.querySelectorAll("[data-unread]")) {
    place.hidden = count === 0;
    place.replaceChildren();
    const figure = child(place, "span");
    figure.ariaHidden = "true";
    figure.textContent = count;
    say(child(place, "span", "for-ears"), "notices.count", { count });
  }
}
