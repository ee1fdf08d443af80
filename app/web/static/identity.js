// Who asks on this tab: somebody who signed in, a guest, or the device itself as a room's terminal.

import { terminalToken } from "./device.js";
import { askAgain as askPerson, guestToken, isTerminal, signedInAs } from "./session.js";

export const isSomebody = () => Boolean(signedInAs() || guestToken() || isTerminal());

// What says so on each request to the API.
export async function identity() {
  if (isTerminal()) return { Authorization: `Bearer ${await terminalToken()}` };
  if (guestToken()) return { Authorization: `Bearer ${guestToken()}` };
  return { "X-Sign-In": signedInAs() ?? "" };
}

// The same for the classroom channel's hello.
export async function introduction() {
  if (isTerminal()) return { token: await terminalToken() };
  if (guestToken()) return { token: guestToken() };
  return { sign_in: signedInAs() };
}

// Whoever asks is not known any more: each has a page that says what to do.
export function askAgain() {
  if (isTerminal()) location.replace("/terminal#removed");
  else if (guestToken()) location.replace("/guest#over");
  else askPerson();
}
