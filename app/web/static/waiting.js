// Says that the server is being waited for, wherever on a page at a desk: a press on a weak link is not pressed twice.

import { watchWaits } from "./http.js";
import { say } from "./i18n.js";
import { byId } from "./page.js";

const SOON = 600; // milliseconds: before that a word would only flicker
const LONG = 8000;

let waits = 0;
let timers = [];
let shown = false;

watchWaits((change) => {
  waits += change;
  if (change > 0 && waits === 1) timers = [setTimeout(tell, SOON, "frame.waiting"), setTimeout(tell, LONG, "frame.slow")];
  if (waits > 0) return;
  for (const timer of timers) clearTimeout(timer);
  byId("waiting").textContent = "";
  byId("waiting").removeAttribute("data-text");
  if (shown) byId("waiting").hidePopover?.();
  shown = false;
});

// In the top layer: dialogs wait, too.
function tell(key) {
  if (!shown) byId("waiting").showPopover?.(); // where a browser has none it stands below the page
  shown = true;
  say(byId("waiting"), key);
}
