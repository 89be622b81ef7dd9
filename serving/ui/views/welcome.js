// What a new user likes: a few taps, and the first list is theirs.

import * as api from "../api.js";
import { art } from "../art.js";
import { bdi, element, say } from "../dom.js";
import { failed, waiting } from "../parts/states.js";
import { styled } from "../parts/styled.js";
import { newcomer } from "../session.js";
import { capital, nameOf, plural, words, yearOf } from "../words.js";

const ASKED = 18;

function toggle(content, label, chosen, value, changed, kind) {
  const button = element("button", { type: "button", class: kind, "aria-pressed": "false", "aria-label": label, onclick: () => {
    const on = !chosen.has(value);
    if (on) chosen.add(value);
    else chosen.delete(value);
    button.setAttribute("aria-pressed", String(on));
    changed();
  } }, ...content);
  return button;
}

const group = (title, ...buttons) => (buttons.length ? element("fieldset", {}, element("legend", {}, title), element("div", { class: "choices" }, ...buttons)) : null);

export async function welcome(main, { user = newcomer() }, alive) {
  main.replaceChildren(waiting());
  const [asked] = await Promise.all([api.questions(ASKED), styled("details")]);
  if (!alive()) return;
  const { item, items, genres, people } = words();
  const chosen = { items: new Set(), genres: new Set(), people: new Set() };
  let age = null;
  const count = element("p", { class: "quiet", role: "status" });
  const problem = element("div");
  const go = element("button", { type: "submit", class: "primary" }, "Show my list");
  const changed = () => {
    const total = chosen.items.size + chosen.genres.size + chosen.people.size + (age ? 1 : 0);
    go.disabled = total === 0;
    count.textContent = total ? `${plural(total, "choice")}` : `Choose at least one ${item}, or anything else.`;
  };
  const chips = (names, set) => names.map((name) => toggle([bdi(name)], name, set, name, changed, "chip"));
  const films = asked.items.map((card) => toggle(
    [element("span", { class: "frame" }, art(card)), element("span", { class: "caption" }, bdi(nameOf(card), { class: "name" }), element("span", { class: "facts" }, yearOf(card)))],
    nameOf(card), chosen.items, card.item_id, changed, "tile"));
  const ages = (asked.age_bands ?? []).map((band) => element("label", { class: "chip" },
    element("input", { type: "radio", name: "age", value: band, onchange: () => { age = band; changed(); } }), band));

  async function send(event) {
    event.preventDefault();
    go.disabled = true;
    const answers = Object.fromEntries(Object.entries(chosen).filter(([, set]) => set.size).map(([name, set]) => [name, [...set]]));
    try {
      await api.answered(user, { ...answers, ...(age ? { age_band: age } : {}) });
      say("Here is your first list.", "good");
      location.hash = `#/user/${encodeURIComponent(user)}`;
    } catch (error) {
      problem.replaceChildren(failed(error));
      go.disabled = false;
    }
  }

  main.replaceChildren(element("form", { class: "welcome", onsubmit: send },
    element("h1", {}, "What do you like?"),
    element("p", { class: "lede" }, `Tap a few ${items} you enjoyed. Your first list is made from them, and nobody else's numbers change.`),
    group(capital(items), ...films), group(capital(genres), ...chips(asked.genres ?? [], chosen.genres)),
    group(capital(people), ...chips(asked.people ?? [], chosen.people)), group("Your age, if you like", ...ages), problem,
    element("div", { class: "welcome-foot" }, go, count, element("a", { href: `#/user/${encodeURIComponent(user)}` }, "Skip, show me what is popular"))));
  changed();
}
