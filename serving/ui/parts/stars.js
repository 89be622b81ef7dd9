// Choosing stars in the steps of the domain: a slider for the keyboard, a row of stars for pointer and finger.

import { element, svg } from "../dom.js";
import { stars as scale, starText } from "../words.js";

const STAR = "M12 2.2l3 6.3 6.9.9-5 4.8 1.3 6.8L12 17.7 5.8 21l1.3-6.8-5-4.8 6.9-.9z";

const row = (kind) =>
  svg("svg", { class: `star-row ${kind}`, viewBox: `0 0 ${scale().max * 24} 24`, "aria-hidden": "true" },
    ...Array.from({ length: scale().max }, (_, index) => svg("path", { d: STAR, transform: `translate(${index * 24} 0)` })));

// How many stars something got, to look at.
export function starPicture(value) {
  return element("span", { class: "stars", role: "img", "aria-label": starText(value), style: { "--share": `${(100 * value) / scale().max}%` } }, row("empty"), row("full"));
}

// `choose(value)` gets the stars that were clicked or confirmed with Enter; `leave()` is called on Escape.
export function starInput(name, value, choose, leave) {
  const { max, step } = scale();
  let now = value ?? 0;
  const show = (shown) => {
    input.style.setProperty("--share", `${(100 * shown) / max}%`);
    input.setAttribute("aria-valuenow", shown);
    input.setAttribute("aria-valuetext", shown ? starText(shown) : "no stars yet");
    hint.textContent = shown ? starText(shown) : "Choose stars";
  };
  const under = (event) => {
    const box = picture.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.min(max, Math.max(step, Math.ceil((share * max) / step) * step));
  };
  const keys = { ArrowRight: step, ArrowUp: step, ArrowLeft: -step, ArrowDown: -step, PageUp: 1, PageDown: -1, Home: -max, End: max };
  const press = (event) => {
    if (event.key in keys) show((now = Math.min(max, Math.max(step, now + keys[event.key]))));
    else if ((event.key === "Enter" || event.key === " ") && now) choose(now);
    else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const picture = element("span", { class: "stars" }, row("empty"), row("full"));
  const hint = element("span", { class: "star-hint", "aria-hidden": "true" });
  const input = element("div", {
    class: "star-input", role: "slider", tabindex: "0", "aria-label": `Stars for ${name}`, "aria-valuemin": step, "aria-valuemax": max,
    onpointermove: (event) => show(under(event)), onpointerleave: () => show(now),
    onclick: (event) => choose(under(event)), onkeydown: press,
  }, picture, hint);
  show(now);
  return input;
}
