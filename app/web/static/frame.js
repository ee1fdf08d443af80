// The frame of the pages at a desk: who is signed in, the ways that this person's roles have, and how a page begins.

import { atWork } from "./again.js";
import { get } from "./api.js";
import { tellFault } from "./fault.js";
import { say, wireLanguageButton } from "./i18n.js";
import { byId, child, requireSignIn, wired } from "./page.js";
import { askAgain, signOut, takeSignInFromAddress } from "./session.js";
import { showUnread } from "./unread.js";
import "./waiting.js";

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
if (isSignedIn) showUnread();

// Who is signed in, with the roles held today; shows the ways of these roles. Throws what `get` throws.
export async function whoIsHere() {
  const me = await get("/api/v1/me");
  if (me.must_change_password) {
    location.replace("/password");
    await new Promise(() => {}); // the page is about to be left
  }
  atWork(me);
  byId("who").textContent = me.name;
  for (const item of document.querySelectorAll("[data-roles]")) {
    item.hidden = !holds(me, ...item.dataset.roles.split(" "));
  }
  return me;
}

// Does what a page begins with. Where that fails the page says why, below its words for the wait, and a button does it
// once more. Whoever is not signed in any more has done nothing yet that could be lost.
export async function begin(act, waits) {
  if (!isSignedIn) return;
  const fault = byId("fault");
  const way = document.createElement("p");
  const again = child(way, "button", "button");
  again.type = "button";
  say(child(again, "span"), "frame.again");
  const words = waits.dataset.text;
  for (;;) {
    fault.hidden = true;
    try {
      await act();
      return way.remove();
    } catch (failure) {
      if (failure.status === 401) return askAgain();
      waits.textContent = "";
      tellFault(fault, failure);
      fault.after(way);
    }
    await new Promise((resolve) => again.addEventListener("click", resolve, { once: true }));
    say(waits, words);
  }
}

export function holds(me, ...roles) {
  return me.assignments.some(({ role }) => roles.includes(role));
}
