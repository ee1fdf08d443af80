// Sign-in: name and password, then the page of the person's role.

import { ApiError, openSession, Unreachable } from "./api.js";
import { say, wireLanguageButton } from "./i18n.js";
import { byId, goHome, showFault } from "./page.js";
import { signedInAs, signIn, takeSignInFromAddress, wasAskedAgain } from "./session.js";

wireLanguageButton();
await takeSignInFromAddress();
if (wasAskedAgain()) showFault(byId("fault"), { words: "error.signed_out" });
if (signedInAs()) goHome().catch(() => sessionStorage.clear());

byId("show").addEventListener("change", ({ target }) => {
  byId("password").type = target.checked ? "text" : "password";
});

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [name, password] = [byId("name").value.trim(), byId("password").value];
  const asked = !byId("second").hidden;
  const code = asked ? byId("code").value.trim() : "";
  if (!name || !password) return complain("signin.empty", byId(name ? "password" : "name"));
  if (asked && !code) return complain("signin.code.empty", byId("code"));
  byId("go").disabled = true;
  byId("fault").hidden = true;
  try {
    signIn(await openSession(name, password, code));
    await goHome();
  } catch (failure) {
    if (failure instanceof ApiError && failure.code.startsWith("sign_in.code")) return askForCode(failure.code);
    const wrong = failure instanceof ApiError && (failure.status === 400 || failure.status === 401);
    if (wrong) complain("signin.wrong", byId("password"));
    else if (failure instanceof Unreachable) showFault(byId("fault"), { words: "signin.unreachable" });
    else showFault(byId("fault"), failure);
  } finally {
    byId("go").disabled = false;
  }
});

// The password is right; the app's code is asked for as well.
function askForCode(why) {
  byId("second").hidden = false;
  byId("code").value = "";
  if (why === "sign_in.code_wrong") return complain("signin.code.wrong", byId("code"));
  byId("code").focus();
}

function complain(key, field) {
  say(byId("fault"), key);
  byId("fault").hidden = false;
  field.focus();
}
