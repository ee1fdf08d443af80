// A file of the API's, kept by whoever asked for it.

import { send } from "./api.js";
import { identity } from "./identity.js";

export async function download(path, name) {
  const answer = await send(path, { headers: await identity() });
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
