// Says that a letter arrived. It takes a click: programs that look at mail open its links, too.

import { complain, takeSecret, wireForm } from "./mailed.js";
import { byId } from "./page.js";

const secret = takeSecret();

wireForm("/api/v1/mail-confirmations", ask, "confirmmail.told", { "link.over": "newpassword.over" });
byId("go").focus();

function ask() {
  return secret.length < 20 ? complain("newpassword.over", byId("go")) : { secret };
}
