// What this device is to the server when it is a room's terminal: a key pair made here, of which the private part can be
// used but never read, not even by this page. It stays in IndexedDB; each session begins with a challenge it signs.

import { ApiError, send } from "./http.js";

const STORE = "device";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };
const MARGIN = 5 * 60_000; // a token is renewed so long before it runs out

let token = "";
let freshUntil = 0;
let proving = null;

function request(made) {
  return new Promise((resolve, reject) => {
    made.onsuccess = () => resolve(made.result);
    made.onerror = () => reject(made.error);
  });
}

async function store(mode, act) {
  const opening = indexedDB.open("tongtang", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await request(opening);
  try {
    return await request(act(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

const read = (name) => store("readonly", (items) => items.get(name));
const write = (name, value) => store("readwrite", (items) => items.put(value, name));

export const terminalId = () => read("terminal");

// Where it stands, as the server said last: { id, kind, name }.
export const terminalRoom = () => read("room");

export function becomeTerminal(id) {
  return write("terminal", id);
}

// Forgets everything: another pairing makes another key.
export async function forget() {
  token = "";
  freshUntil = 0;
  await store("readwrite", (items) => items.clear());
}

// The public half, as the server takes it; a new pair is made where there is none.
export async function publicKey() {
  let keys = await read("keys");
  if (!keys) {
    keys = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
    await write("keys", keys);
  }
  const { x, y } = await crypto.subtle.exportKey("jwk", keys.publicKey);
  return `${x}.${y}`;
}

// A bearer token of this terminal that is good for minutes to come.
export async function terminalToken() {
  if (Date.now() < freshUntil) return token;
  proving ??= prove().finally(() => (proving = null));
  return proving;
}

async function prove() {
  const [id, keys] = [await terminalId(), await read("keys")];
  if (!id || !keys) throw new ApiError(401, { code: "terminal.removed" });
  const { challenge } = await ask(`/api/v1/terminals/${id}/challenge`, {});
  const signed = await crypto.subtle.sign(SIGNATURE, keys.privateKey, new TextEncoder().encode(challenge));
  const began = Date.now();
  const session = await ask(`/api/v1/terminals/${id}/session`, { challenge, signature: base64url(signed) });
  token = session.access_token;
  await write("room", session.room);
  freshUntil = began + Math.max(60_000, 15 * 60_000 - MARGIN); // by our own clock: the server's may be another
  return token;
}

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  return (await send(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

function base64url(buffer) {
  const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
