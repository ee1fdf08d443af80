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
  if (!name || !password) return complain("signin.empty", byId(name ? "password" : "name"));
  byId("go").disabled = true;
  byId("fault").hidden = true;
  try {
    signIn(await openSession(name, password));
    await goHome();
  } catch (failure) {
    const wrong = failure instanceof ApiError && (failure.status === 400 || failure.status === 401);
    if (wrong) complain("signin.wrong", byId("password"));
    else if (failure instanceof Unreachable) showFault(byId("fault"), { words: "signin.unreachable" });
    else showFault(byId("fault"), failure);
  } finally {
    byId("go").disabled = false;
  }
});

function complain(key, field) {
  say(byId("fault"), key);
  byId("fault").hidden = false;
  field.focus();
}
