// Who is signed in on this tab. The token arrives in the address's fragment (which is never sent to a server) or
// from the sign-in page, and lives in sessionStorage: closing the tab signs out.

const KEY = "tongtang.token";

// Takes the token out of the address, so that it is neither shown on the big screen nor kept in the history.
export function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  sessionStorage.setItem(KEY, token);
  history.replaceState(null, "", location.pathname + location.search);
}

export function token() {
  return sessionStorage.getItem(KEY);
}

export function signIn(newToken) {
  sessionStorage.setItem(KEY, newToken);
}

export function signOut() {
  sessionStorage.clear();
  location.assign("/");
}

const EXPIRED = "#again";

// The server does not know the token any more; the sign-in page then says so.
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
