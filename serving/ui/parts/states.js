// What stands where something is awaited, went wrong, or is not there.

import { element } from "../dom.js";

export const blanks = (count) => Array.from({ length: count }, () =>
  element("li", { class: "card blank", "aria-hidden": "true" }, element("span", { class: "frame" }), element("span"), element("div", {}, element("div", { class: "line" }), element("div", { class: "line short" }))));

export const waiting = (text = "Loading…") => element("p", { class: "waiting", role: "status" }, text);

export const failed = (error, again) =>
  element("div", { class: "failed", role: "alert" }, element("p", {}, error.message),
    again ? element("button", { type: "button", onclick: again }, "Try again") : null);

export const empty = (text) => element("p", { class: "empty" }, text);
