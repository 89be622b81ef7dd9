// The dialog that asks for a key. It stays in this tab's memory and is sent to this API alone.

import * as api from "../api.js";
import { at } from "../dom.js";

export function askForKey(why = "") {
  at("key-why").textContent = why;
  at("key").value = "";
  if (!at("key-dialog").open) at("key-dialog").showModal();
}

let ready = false;

// `changed()` runs after a key was given or taken away.
export function keyDialog(changed) {
  if (ready) return;
  ready = true;
  at("key-form").addEventListener("submit", (event) => {
    if (event.submitter?.value === "cancel") return;
    api.useKey(at("key").value.trim());
    changed();
  });
}
