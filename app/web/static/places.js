// Where one is signed in: a list, and the ends of what one does not know. A part of the page /access.

import { ask, get, post } from "./api.js";
import { clock, day, say } from "./i18n.js";
import { byId, child, goOnFrom } from "./page.js";
import { signOut } from "./session.js";

const PLACES = "/api/v1/me/sign-ins";

// `attempt(act)` does something and shows what went wrong.
export async function showPlaces(attempt) {
  const { items } = await get(PLACES);
  byId("signed-in").replaceChildren();
  for (const place of items) addRow(place, attempt);
  const own = items.find(({ current }) => current);
  byId("others").hidden = !items.some(({ id, current }) => !current && id !== own?.opened_by_id);
  byId("others").onclick = () =>
    attempt(async () => {
      const { ended } = await post(`${PLACES}/end-others`);
      await showPlaces(attempt);
      say(byId("signed-in-done"), "access.places.ended", { ended });
    });
}

function addRow(place, attempt) {
  const item = child(byId("signed-in"), "li", "lesson-row person");
  const what = child(item, "div");
  const title = child(what, "h3", "row-title");
  if (place.device) title.textContent = place.device;
  else say(title, `access.place.${place.kind}`);
  if (place.current) say(child(what, "p", "row-state"), "access.place.current");
  const times = (time) => time && { day: day(new Date(time)), time: clock(new Date(time)) };
  say(child(what, "p", "row-who"), "access.place.since", times(place.signed_in_at));
  if (place.last_seen_at && !place.current) say(child(what, "p", "row-who"), "access.place.seen", times(place.last_seen_at));
  if (place.address) say(child(what, "p", "row-who"), "access.place.from", { address: place.address });
  if (place.opened_by_id) say(child(what, "p", "row-who"), "access.place.opened_by");
  if (place.by_provider) say(child(what, "p", "row-who"), "access.place.provider");
  const button = child(child(item, "div", "row-ways"), "button", "button danger");
  button.type = "button";
  say(child(button, "span"), place.current ? "signout" : "access.place.end");
  button.addEventListener("click", () => (place.current ? signOut() : attempt(() => end(place, attempt))));
}

async function end({ id }, attempt) {
  await ask("DELETE", `${PLACES}/${id}`);
  await showPlaces(attempt);
  say(byId("signed-in-done"), "access.places.ended", { ended: 1 });
  goOnFrom(byId("signed-in-heading"));
}
