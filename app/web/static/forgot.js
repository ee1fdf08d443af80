// Whoever forgot the password has a link mailed. The answer tells nobody whether there is such an account.

import { complain, wireForm } from "./mailed.js";
import { byId } from "./page.js";

const FAULTS = { "mail.none": "forgot.none", "mail.too_many": "error.too_many" };

wireForm("/api/v1/password-resets", ask, "forgot.told", FAULTS);

function ask() {
  const who = byId("who").value.trim();
  return who ? { who } : complain("forgot.empty", byId("who"));
}
