// Sign-in: name and password, then the page of the person's role.

import { ApiError, giveOwedCode, openSession, Unreachable } from "./api.js";
import { terminalId } from "./device.js";
import { say, wireLanguageButton } from "./i18n.js";
import { byId, goHome, showFault, wired, wireShowing } from "./page.js";
import { signedInAs, signIn, takeSignInFromAddress, wasAskedAgain } from "./session.js";

wireLanguageButton();
await takeSignInFromAddress();
if (wasAskedAgain()) showFault(byId("fault"), { words: "error.signed_out" });
const brought = location.hash.slice(1);
if (brought) history.replaceState(null, "", location.pathname);
let vouched = brought === "code"; // the identity provider did; a code of one's own is owed
if (brought.startsWith("failed=")) complainOfProvider(brought.slice("failed=".length));
if (vouched) askForCode("");
else if (signedInAs()) goHome().catch(() => sessionStorage.clear());

// A teacher who taught from the room's own computer leaves it as a screen again.
if (window.indexedDB) terminalId().then((id) => (byId("screen").hidden = !id), () => {});

wireShowing(byId("show"), byId("password"));

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [name, password] = [byId("name").value.trim(), byId("password").value];
  const asked = !byId("second").hidden;
  const code = asked ? byId("code").value.trim() : "";
  if (!vouched && (!name || !password)) return complain("signin.empty", byId(name ? "password" : "name"));
  if (asked && !code) return complain("signin.code.empty", byId("code"));
  byId("go").disabled = true;
  byId("fault").hidden = true;
  try {
    signIn(vouched ? await giveOwedCode(code) : await openSession(name, password, code));
    await goHome();
  } catch (failure) {
    if (failure instanceof ApiError && failure.code.startsWith("sign_in.code")) return askForCode(failure.code);
    if (failure instanceof ApiError && failure.code === "sign_in.not_begun") return beginAnew();
    const wrong = failure instanceof ApiError && (failure.status === 400 || failure.status === 401);
    if (wrong) complain("signin.wrong", byId("password"));
    else if (failure instanceof Unreachable) showFault(byId("fault"), { words: "signin.unreachable" });
    else showFault(byId("fault"), failure);
  } finally {
    byId("go").disabled = false;
  }
});

wired();

// The password is right, or the identity provider vouched; the app's code is asked for as well.
function askForCode(why) {
  byId("second").hidden = false;
  byId("ways").hidden = vouched;
  byId("code").value = "";
  if (why === "sign_in.code_wrong") return complain("signin.code.wrong", byId("code"));
  byId("code").focus();
}

// What the provider vouched for is too old to count.
function beginAnew() {
  vouched = byId("ways").hidden = false;
  byId("second").hidden = true;
  complainOfProvider("refused");
}

function complainOfProvider(why) {
  const known = ["cancelled", "unavailable", "refused", "unmapped", "known", "closed", "limited"];
  showFault(byId("fault"), { words: `provider.${known.includes(why) ? why : "refused"}` });
}

function complain(key, field) {
  say(byId("fault"), key);
  byId("fault").hidden = false;
  field.focus();
}
