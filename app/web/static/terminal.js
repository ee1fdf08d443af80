// The page a room's big screen starts with: paired already, it goes on to the lesson; else it shows a code.

import { becomeTerminal, forget, publicKey, terminalId, terminalRoom, terminalToken } from "./device.js";
import { ApiError, send, Unreachable } from "./http.js";
import { say, wireLanguageButton } from "./i18n.js";
import { keepAwake } from "./media.js";
import { byId, wait } from "./page.js";
import { actAsTerminal } from "./session.js";

const ASK_EVERY = 2000;
const TRY_AGAIN = 5000;

wireLanguageButton();
keepAwake();
begin();

async function begin() {
  if (!window.crypto?.subtle || !window.indexedDB) return complain("terminal.insecure");
  if (location.hash === "#removed") {
    history.replaceState(null, "", location.pathname);
    complain("removed.terminal_removed");
    await forget();
  }
  for (;;) {
    try {
      if (await isPaired()) return enter();
      await pair();
    } catch (failure) {
      complain(failure instanceof Unreachable ? "error.unreachable" : "error.busy");
      await wait(TRY_AGAIN);
    }
  }
}

async function isPaired() {
  if (!(await terminalId())) return false;
  try {
    await terminalToken();
    return true;
  } catch (failure) {
    if (!(failure instanceof ApiError) || failure.status !== 401) throw failure;
    complain("removed.terminal_removed");
    await forget();
    return false;
  }
}

// A main classroom's screen shows the sites, a site's shows the lesson.
async function enter() {
  const room = await terminalRoom();
  actAsTerminal();
  location.replace(room?.kind === "main" ? "/room" : "/site");
}

// Shows a code until somebody lets us in; one that runs out is replaced by another.
async function pair() {
  const waiting = await ask("/api/v1/terminal-pairings", { public_key: await publicKey() });
  const half = waiting.code.length / 2;
  byId("code").textContent = `${waiting.code.slice(0, half)} ${waiting.code.slice(half)}`;
  byId("qr").src = waiting.qr;
  for (const id of ["code", "how", "scan"]) byId(id).hidden = false;
  say(byId("state"), "terminal.waiting");
  for (;;) {
    await wait(ASK_EVERY);
    const id = await stateOf(waiting.secret);
    if (id === null) continue;
    if (id) await becomeTerminal(id);
    return;
  }
}

// The terminal's id; null while we wait, false when the code has run out.
async function stateOf(secret) {
  try {
    const { terminal_id: id } = await ask("/api/v1/terminal-pairings/state", { secret });
    if (byId("why").dataset.text === "error.unreachable") byId("why").hidden = true;
    return id;
  } catch (failure) {
    if (failure instanceof ApiError && failure.status === 404) return false;
    complain("error.unreachable"); // the code stays good: we ask again
    return null;
  }
}

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  return (await send(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

function complain(key) {
  say(byId("why"), key);
  byId("why").hidden = false;
}
