// One's own ways in: a second factor, where one is signed in, and access tokens for scripts and encoders.

import { ApiError, get, post, send } from "./api.js";
import { tellFault } from "./fault.js";
import { begin, whoIsHere } from "./frame.js";
import { say } from "./i18n.js";
import { byId, child, goOnFrom, wired } from "./page.js";
import { showPlaces } from "./places.js";
import { signInHeader } from "./session.js";

const FACTOR = "/api/v1/me/second-factor";
const IDENTITY = "/api/v1/me/identity";
const MAIL = "/api/v1/me/mail-address";
const TOKENS = "/api/v1/me/access-tokens";
const DAY = 24 * 3600 * 1000;
const FAULTS = {
  "password.wrong": "password.wrong",
  "second_factor.wrong": "signin.code.wrong",
  "access_token.too_many": "access.too_many",
  "mail.too_many": "error.too_many",
  "identity.unavailable": "provider.unavailable",
};
const INVALID = { confirm: "signin.code.wrong", remove: "signin.code.wrong", "change-mail": "access.mail.wrong" }; // by form
const CONNECTING = ["cancelled", "unavailable", "taken", "closed"];

const showAll = [whoIsHere, showFactor, showIdentity, showMail, () => showPlaces(attempt), showTokens];
begin(() => Promise.all(showAll.map((show) => show())), byId("factor-state"));
if (location.hash.startsWith("#failed=")) tellFailure(location.hash.slice("#failed=".length));
if (location.hash) history.replaceState(null, "", location.pathname);

wire("begin", async () => {
  if (!byId("password").value) return complain("access.password.empty", byId("password"));
  const made = await post(FACTOR, { password: byId("password").value });
  byId("password").value = "";
  byId("picture").src = made.picture;
  byId("typed").textContent = made.secret.match(/.{1,4}/g).join(" ");
  only("confirm").querySelector("input").focus();
});

wire("confirm", async () => {
  if (!byId("first-code").value.trim()) return complain("access.code.empty", byId("first-code"));
  const { recovery_codes: codes } = await post(`${FACTOR}/confirm`, { code: byId("first-code").value });
  byId("first-code").value = byId("typed").textContent = "";
  byId("picture").removeAttribute("src");
  await showFactor();
  tell("access.recovery", codes.join("\n"));
});

wire("remove", async () => {
  if (!byId("last-code").value.trim()) return complain("access.code.empty", byId("last-code"));
  await post(`${FACTOR}/remove`, { code: byId("last-code").value });
  byId("last-code").value = "";
  await showFactor();
  goOnFrom(byId("factor-heading"));
});

wire("connect", async () => {
  if (!byId("connect-password").value) return complain("access.password.empty", byId("connect-password"));
  const { url } = await post(IDENTITY, { password: byId("connect-password").value });
  location.assign(url);
});

wire("disconnect", async () => {
  if (!byId("disconnect-password").value) return complain("access.password.empty", byId("disconnect-password"));
  await post(`${IDENTITY}/remove`, { password: byId("disconnect-password").value });
  byId("disconnect-password").value = "";
  await showIdentity();
});

wire("change-mail", async () => {
  if (!byId("mail-password").value) return complain("access.password.empty", byId("mail-password"));
  const address = byId("address").value.trim() || null;
  const headers = { ...signInHeader(), "Content-Type": "application/json" };
  const body = JSON.stringify({ address, password: byId("mail-password").value });
  await send(MAIL, { method: "PUT", headers, body });
  byId("mail-password").value = "";
  await showMail();
});

wire("mint", async () => {
  const name = byId("name").value.trim();
  const days = Number(byId("days").value);
  if (!name) return complain("access.name.empty", byId("name"));
  if (!(days >= 1 && days <= 366)) return complain("access.days.wrong", byId("days"));
  const until = new Date(Date.now() + days * DAY - 60_000).toISOString();
  const made = await post(TOKENS, { name, scopes: byId("scope").value.split(" "), expires_at: until });
  byId("name").value = "";
  await showTokens();
  tell("access.minted", made.token);
});

wired();

async function showFactor() {
  const { confirmed, recovery_codes_left: left } = await get(FACTOR);
  say(byId("factor-state"), confirmed ? "access.factor.on" : "access.factor.off", { left });
  only(confirmed ? "remove" : "begin");
}

function only(shown) {
  for (const id of ["begin", "confirm", "remove"]) byId(id).hidden = id !== shown;
  return byId(shown);
}

async function showIdentity() {
  const { offered, connected_at: since } = await get(IDENTITY);
  byId("identity").hidden = !offered;
  say(byId("identity-state"), since ? "access.identity.on" : "access.identity.off", { since: since?.slice(0, 10) });
  byId("connect").hidden = since !== null;
  byId("disconnect").hidden = since === null;
}

async function showMail() {
  const { offered, address, waiting, proven } = await get(MAIL);
  byId("mail").hidden = !offered;
  const words = waiting ? "access.mail.waiting" : address ? (proven ? "access.mail.on" : "access.mail.given") : "access.mail.off";
  say(byId("mail-state"), words, { address: waiting ?? address });
  byId("address").value = waiting ?? address ?? "";
}

// The provider led back here without having vouched for anybody.
function tellFailure(why) {
  tellFault(byId("fault"), { words: `provider.${CONNECTING.includes(why) ? why : "refused"}` });
}

async function showTokens() {
  const { items } = await get(TOKENS);
  byId("none").hidden = items.length > 0;
  byId("tokens").replaceChildren();
  for (const token of items) addRow(token);
}

function addRow(token) {
  const item = child(byId("tokens"), "li", "lesson-row person");
  const what = child(item, "div");
  child(what, "h3", "row-title").textContent = token.name;
  child(what, "p", "row-who").textContent = token.scopes.join(" · ");
  const day = (time) => time.slice(0, 10);
  const used = token.last_used_at;
  say(child(what, "p", "row-state"), used ? "access.used" : "access.unused", {
    until: day(token.expires_at),
    used: used && day(used),
  });
  const ways = child(item, "div", "row-ways");
  const button = child(ways, "button", "button danger");
  button.type = "button";
  say(child(button, "span"), "access.revoke");
  button.addEventListener("click", () => attempt(() => revoke(token)));
}

async function revoke({ id }) {
  await send(`${TOKENS}/${id}`, { method: "DELETE", headers: signInHeader() });
  await showTokens();
  goOnFrom(byId("tokens-heading"));
}

byId("telling").addEventListener("cancel", (event) => event.preventDefault()); // what is shown once is not gone by a slip

function tell(key, secret) {
  say(byId("tell"), key);
  byId("secret").textContent = secret;
  byId("telling").addEventListener("close", forget, { once: true });
  byId("telling").showModal();
}

function forget() {
  byId("secret").textContent = "";
  goOnFrom(byId("content"));
}

function wire(id, act) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(act, byId(id));
  });
}

// A fault is told where one looks: in the form that was sent.
async function attempt(act, form = null) {
  byId("fault").hidden = true;
  try {
    await act();
  } catch (failure) {
    const known = failure instanceof ApiError && (failure.code === "request.invalid" ? INVALID[form?.id] : FAULTS[failure.code]);
    tellFault(place(form), known ? { words: known } : failure);
    byId("fault").scrollIntoView({ block: "center" });
  }
}

function place(form) {
  if (form) form.querySelector("button").before(byId("fault"));
  else byId("factor-state").closest("section").before(byId("fault"));
  return byId("fault");
}

function complain(key, field) {
  tellFault(place(field.form), { words: key });
  field.focus();
}
