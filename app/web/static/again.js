// The sign-in has ended while somebody was at work: they sign in again where they are, and nothing typed is lost.

import { ApiError, openSession, wordsFor } from "./api.js";
import { say } from "./i18n.js";
import { askAgain } from "./identity.js";
import { byId } from "./page.js";
import { keepPerson, person, signIn } from "./session.js";

let asking = null;

// Who works here; without knowing that, the sign-in page has to ask.
export const atWork = ({ login }) => keepPerson(login);

// Whether they have signed in again; asked once, however many requests found the sign-in ended.
export function signInAgain() {
  if (!person()) {
    askAgain();
    return new Promise(() => {}); // the page is about to be left
  }
  asking ??= ask().finally(() => (asking = null));
  return asking;
}

function ask() {
  const dialog = byId("again");
  const [password, code] = [byId("again-password"), byId("again-code")];
  byId("again-name").value = person();
  say(byId("again-who"), "again.who", { login: person() });
  dialog.returnValue = "";
  byId("again-form").onsubmit = async (event) => {
    event.preventDefault();
    byId("again-go").disabled = true;
    byId("again-fault").hidden = true;
    try {
      signIn(await openSession(person(), password.value, code.value.trim()));
      dialog.close("in");
    } catch (failure) {
      refused(failure);
    } finally {
      byId("again-go").disabled = false;
    }
  };
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "in"), { once: true });
  }).finally(() => (password.value = code.value = ""));
}

function refused(failure) {
  const asked = failure instanceof ApiError && failure.code.startsWith("sign_in.code");
  if (asked) byId("again-second").hidden = false;
  const wrong = failure instanceof ApiError && [400, 401].includes(failure.status);
  const words = failure.code === "sign_in.code_wrong" ? "signin.code.wrong" : asked ? "signin.code.hint" : wrong ? "signin.wrong" : wordsFor(failure);
  say(byId("again-fault"), words);
  byId("again-fault").hidden = false;
  byId(asked ? "again-code" : "again-password").focus();
}
