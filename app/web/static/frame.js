// The frame of the pages at a desk: who is signed in, and the ways that this person's roles have.

import { get } from "./api.js";
import { wireLanguageButton } from "./i18n.js";
import { byId, requireSignIn, wired } from "./page.js";
import { signOut, takeSignInFromAddress } from "./session.js";

wireLanguageButton();
byId("signout").addEventListener("click", signOut);
byId("menu").addEventListener("click", () => {
  const open = byId("menu").getAttribute("aria-expanded") !== "true";
  byId("menu").setAttribute("aria-expanded", String(open));
});
wired(document.querySelector("header.frame"));
await takeSignInFromAddress();

// Whether somebody is signed in on this tab; the sign-in page follows by itself where nobody is.
export const isSignedIn = requireSignIn();

// Who is signed in, with the roles held today; shows the ways of these roles. Throws what `get` throws.
export async function whoIsHere() {
  const me = await get("/api/v1/me");
  if (me.must_change_password) {
    location.replace("/password");
    await new Promise(() => {}); // the page is about to be left
  }
  byId("who").textContent = me.name;
  for (const item of document.querySelectorAll("[data-roles]")) {
    item.hidden = !holds(me, ...item.dataset.roles.split(" "));
  }
  return me;
}

export function holds(me, ...roles) {
  return me.assignments.some(({ role }) => roles.includes(role));
}
