// What a guest link opens: it exchanges its secret for a place in one lesson, and goes there. No account, no questions.

import { ApiError, send } from "./http.js";
import { say, wireLanguageButton } from "./i18n.js";
import { byId, wait } from "./page.js";
import { actAsGuest, guestLesson, guestToken } from "./session.js";
import { wordsFor } from "./api.js";

const TRY_AGAIN = 5000;

wireLanguageButton();
const secret = location.hash.slice(1);
history.replaceState(null, "", location.pathname); // neither the history nor a glance at the address shall tell it
if (secret === "over" || (!secret && !guestToken())) over();
else if (secret) enter();
else go(guestLesson());

async function enter() {
  const headers = { "Content-Type": "application/json" };
  for (;;) {
    try {
      const answer = await send("/api/v1/guest-session", { method: "POST", headers, body: JSON.stringify({ secret }) });
      const place = await answer.json();
      const lesson = { id: place.lesson_id, role: place.role };
      actAsGuest(place.access_token, lesson);
      return go(lesson);
    } catch (failure) {
      if (failure instanceof ApiError && [401, 422].includes(failure.status)) return over();
      complain(wordsFor(failure));
      await wait(TRY_AGAIN);
    }
  }
}

function go({ id, role }) {
  location.replace(`/${role === "teacher" ? "teach" : "site"}?lesson=${encodeURIComponent(id)}`);
}

function over() {
  byId("state").hidden = true;
  complain("guest.over");
}

function complain(key) {
  say(byId("fault"), key);
  byId("fault").hidden = false;
}
