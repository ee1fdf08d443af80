// Another password for oneself: at the first sign-in, when somebody else chose it, or whenever one likes.

import { ApiError, get, send } from "./api.js";
import { say, wireLanguageButton } from "./i18n.js";
import { byId, goHome, requireSignIn, showFault, wired, wireShowing } from "./page.js";
import { askAgain, signIn, signInHeader } from "./session.js";

const FAULTS = {
  "password.wrong": "password.wrong",
  "password.length": "password.rule",
  "password.guessable": "password.guessable",
  "password.same": "password.same",
};

wireLanguageButton();
let me = null;
if (requireSignIn()) begin().catch((failure) => showFault(byId("fault"), failure));

async function begin() {
  me = await get("/api/v1/me");
  byId("name").value = me.login; // so that the browser stores the password under it
  byId("why").hidden = !me.must_change_password;
  byId("back").hidden = me.must_change_password;
}

wireShowing(byId("show"), byId("old"), byId("new"));

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [old, fresh] = [byId("old").value, byId("new").value];
  if (!old || !fresh) return complain("password.empty", byId(old ? "new" : "old"));
  byId("go").disabled = true;
  byId("fault").hidden = true;
  try {
    const headers = { ...signInHeader(), "Content-Type": "application/json" };
    const body = JSON.stringify({ old_password: old, new_password: fresh });
    const answer = await send("/api/v1/me/password", { method: "POST", headers, body });
    const name = answer.headers.get("X-Sign-In"); // every sign-in from before is void
    if (!name) return askAgain();
    signIn(name);
    await goHome();
  } catch (failure) {
    const words = failure instanceof ApiError && FAULTS[failure.code];
    if (words) complain(words, byId(failure.code === "password.wrong" ? "old" : "new"));
    else showFault(byId("fault"), failure);
  } finally {
    byId("go").disabled = false;
  }
});

wired();

function complain(key, field) {
  say(byId("fault"), key);
  byId("fault").hidden = false;
  field.focus();
}
