// Sign-in: name and password, then the page of the person's role.

import { ApiError, get, requestToken, Unreachable } from "./api.js";
import { say, wireLanguageButton } from "./i18n.js";
import { byId, showFault } from "./page.js";
import { signIn, takeTokenFromAddress, token, wasAskedAgain } from "./session.js";

const HOMES = { teacher: "/teach", site_assistant: "/site" };

wireLanguageButton();
takeTokenFromAddress();
if (wasAskedAgain()) showFault(byId("fault"), { words: "error.signed_out" });
if (token()) goHome().catch(() => sessionStorage.clear());

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
    signIn(await requestToken(name, password));
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

async function goHome() {
  const { assignments } = await get("/api/v1/me");
  const role = assignments.map((assignment) => assignment.role).find((name) => name in HOMES);
  location.replace(HOMES[role] ?? "/today");
}

function complain(key, field) {
  say(byId("fault"), key);
  byId("fault").hidden = false;
  field.focus();
}
