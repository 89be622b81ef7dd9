// Search as you type: a combobox whose list follows the letters, for keys, pointer and screen readers.

import * as api from "../api.js";
import { art } from "../art.js";
import { at, bdi, element } from "../dom.js";
import { currentUser } from "../session.js";
import { capital, nameOf, words, yearOf } from "../words.js";
import { link } from "./card.js";

const PAUSE = 130; // milliseconds without a letter
const SHOWN = 7;

export function searchBox() {
  const [input, list] = [at("search"), at("found")];
  let [timer, turn, active] = [0, 0, -1];
  let options = [];

  const open = (on) => {
    list.hidden = !on;
    input.setAttribute("aria-expanded", String(on));
    if (!on) mark(-1);
  };
  const mark = (to) => {
    active = to;
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === to)));
    if (to < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", options[to].id);
      options[to].scrollIntoView({ block: "nearest" });
    }
  };
  const go = (hash) => {
    open(false);
    location.hash = hash;
  };
  const message = (text) => {
    options = [];
    list.replaceChildren(element("li", { class: "none", role: "option", "aria-disabled": "true" }, text));
    open(true);
  };

  function option(card, index) {
    const other = card.matched && card.matched.field !== "title" ? `${capital(words()[card.matched.field] ?? card.matched.field)}: ${card.matched.text}` : "";
    return element("li", { id: `found-${index}`, role: "option", "aria-selected": "false", onpointerdown: (event) => { event.preventDefault(); go(link(card)); } },
      element("span", { class: "thumb" }, art(card)),
      element("span", { class: "option-text" }, bdi(nameOf(card), { class: "name" }), element("span", { class: "facts" }, [yearOf(card), other || (card.genres ?? []).slice(0, 2).join(", ")].filter(Boolean).join(" · "))));
  }

  async function look() {
    const [mine, q] = [++turn, input.value.trim()];
    if (!q) return open(false);
    try {
      const found = await api.search(q, SHOWN, currentUser());
      if (mine !== turn || document.activeElement !== input) return null;
      if (!found.items.length) return message(`Nothing found for “${q}”.`);
      options = found.items.map(option);
      const corrected = found.corrected ? [element("li", { class: "none", role: "presentation" }, `Shown for “${found.corrected}”`)] : [];
      list.replaceChildren(...corrected, ...options);
      mark(-1);
      return open(true);
    } catch (error) {
      return mine === turn ? message(error.message) : null;
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    const count = options.length;
    if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      open(false);
    } else if (!list.hidden && count && event.key === "ArrowDown") mark((active + 1) % count);
    else if (!list.hidden && count && event.key === "ArrowUp") mark((active + count) % (count + 1) === count ? -1 : (active + count) % (count + 1));
    else if (event.key === "ArrowDown") look();
    else return;
    event.preventDefault();
  });
  at("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    turn++;
    if (active >= 0) options[active].dispatchEvent(new PointerEvent("pointerdown"));
    else if (input.value.trim()) go(`#/search?q=${encodeURIComponent(input.value.trim())}`);
  });
  input.addEventListener("blur", () => open(false));
}
