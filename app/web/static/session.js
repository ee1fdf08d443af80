// Who is signed in on this tab. A cookie that no script can read holds the proof; the tab keeps only the name of its
// sign-in and sends it along, so that two tabs may be two people. Closing the tab forgets the name.

const KEY = "tongtang.sign_in";

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
  sessionStorage.setItem(KEY, name);
}

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
  sessionStorage.clear();
  location.assign(`/${EXPIRED}`);
}

// Whether the sign-in page was reached by askAgain(); a reload forgets it.
export function wasAskedAgain() {
  const asked = location.hash === EXPIRED;
  if (asked) history.replaceState(null, "", location.pathname);
  return asked;
}

// A page that comes back out of the browser's memory has left its lesson: it starts anew.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
