// A new password by the link of a letter.

import { complain, takeSecret, wireForm } from "./mailed.js";
import { byId, wireShowing } from "./page.js";

const FAULTS = {
  "link.over": "newpassword.over",
  "password.length": "password.rule",
  "password.guessable": "password.guessable",
};
const secret = takeSecret();

wireForm("/api/v1/password-resets/finish", ask, "newpassword.told", FAULTS);
if (secret.length < 20) {
  complain("newpassword.over", byId("new"));
  for (const part of byId("form").querySelectorAll("label, input, .rule, .check, #go")) part.hidden = true;
}

wireShowing(byId("show"), byId("new"));

function ask() {
  const fresh = byId("new").value;
  if (secret.length < 20) return complain("newpassword.over", byId("new"));
  return fresh ? { secret, new_password: fresh } : complain("newpassword.empty", byId("new"));
}
