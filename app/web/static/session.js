// Who is signed in on this tab. A cookie that no script can read holds the proof; the tab keeps only the name of its
// sign-in and sends it along, so that two tabs may be two people. Closing the tab forgets the name.

const KEY = "tongtang.sign_in";
const GUEST = "tongtang.guest";
const LESSON = "tongtang.guest_lesson";
const TERMINAL = "tongtang.terminal";
const PERSON = "tongtang.person";
const BACK = "tongtang.back";

// Takes the sign-in out of the address: its name, or a token to exchange for one. Neither is kept in the history.
export async function takeSignInFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const [name, token] = [given.get("as"), given.get("token")];
  if (!name && !token) return;
  history.replaceState(null, "", location.pathname + location.search);
  if (name) return signIn(name);
  const answer = await fetch("/api/v1/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  if (answer.ok) return signIn((await answer.json()).sign_in);
  askAgain();
  await new Promise(() => {}); // the page is about to be left
}

// What says who asks, on each request to the API.
export function signInHeader() {
  return { "X-Sign-In": signedInAs() ?? "" };
}

export function signedInAs() {
  return sessionStorage.getItem(KEY);
}

export function signIn(name) {
  for (const key of [GUEST, LESSON, TERMINAL]) sessionStorage.removeItem(key);
  sessionStorage.setItem(KEY, name);
}

// A guest has no account: the tab holds a token for one lesson until it is closed.
export function actAsGuest(token, lesson) {
  sessionStorage.clear();
  sessionStorage.setItem(GUEST, token);
  sessionStorage.setItem(LESSON, JSON.stringify(lesson));
}

export const guestToken = () => sessionStorage.getItem(GUEST);
export const guestLesson = () => JSON.parse(sessionStorage.getItem(LESSON));

// The device acts for itself, as a room's terminal: what proves it is not in the tab at all (device.js).
export function actAsTerminal() {
  sessionStorage.clear();
  sessionStorage.setItem(TERMINAL, "yes");
}

export const isTerminal = () => sessionStorage.getItem(TERMINAL) !== null;

export async function signOut() {
  try {
    await fetch("/api/v1/session", { method: "DELETE", headers: signInHeader() });
  } catch {
    // The server is away; it ends the sign-in by itself in time.
  }
  sessionStorage.clear();
  location.assign("/");
}

const EXPIRED = "#again";

// The server does not know the sign-in any more; the sign-in page then says so.
export function askAgain() {
  keepPlace();
  location.assign(`/${EXPIRED}`);
}

// The login of whoever works on this tab.
export const keepPerson = (login) => sessionStorage.setItem(PERSON, login);
export const person = () => sessionStorage.getItem(PERSON);

// Nobody is signed in any more; where they were is kept, for them to come back to.
export function keepPlace() {
  const place = JSON.stringify({ of: person(), path: location.pathname + location.search });
  sessionStorage.clear();
  sessionStorage.setItem(BACK, place);
}

// Where somebody was before they had to sign in; nowhere, if that was somebody else.
export function placeOf(login) {
  const { of, path } = JSON.parse(sessionStorage.getItem(BACK) ?? "{}");
  sessionStorage.removeItem(BACK);
  return path && path !== "/" && (of === null || of === login) ? path : null;
}

// Whether the sign-in page was reached by askAgain(); a reload forgets it.
export function wasAskedAgain() {
  const asked = location.hash === EXPIRED;
  if (asked) history.replaceState(null, "", location.pathname);
  return asked;
}

// A page that comes back out of the browser's memory has left its lesson: it starts anew.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
