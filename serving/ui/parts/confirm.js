// Asks before something is done that others notice. Answers the reason that was given, or null.

import { element } from "../dom.js";

export function confirmed({ title, text, action }) {
  return new Promise((done) => {
    const why = element("input", { id: "confirm-why", name: "why", required: true, maxlength: "200", autocomplete: "off" });
    const form = element("form", { method: "dialog" }, element("h2", { id: "confirm-title" }, title), element("p", {}, text),
      element("label", { for: "confirm-why" }, "Why"), why,
      element("div", { class: "dialog-foot" }, element("button", { class: "primary", value: "yes" }, action), element("button", { value: "no", formnovalidate: true }, "Cancel")));
    const dialog = element("dialog", { "aria-labelledby": "confirm-title" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes" ? why.value.trim() : null);
    });
    document.body.append(dialog);
    dialog.showModal();
    why.focus();
  });
}
