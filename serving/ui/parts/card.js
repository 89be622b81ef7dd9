// One item in a row or grid: its picture, what it is called, why it is here, and what can be done with it. A card keeps its
// place after it was answered, so that the next item never comes to lie under the pointer.

import { art } from "../art.js";
import { bdi, element, icon } from "../dom.js";
import { capital, nameOf, reasonText, starText, words, yearOf } from "../words.js";
import { starInput, starPicture } from "./stars.js";

export const link = (thing) => `#/film/${encodeURIComponent(thing.item_id)}`;

const facts = (thing) => [yearOf(thing), ...(thing.genres ?? []).slice(0, 2)].filter(Boolean).join(" · ");

// Whoever stands here did what `kind` says; `act(thing, kind, value)` answers a promise that fails when it was not taken.
export class Card {
  constructor(thing, act, { why = "" } = {}) {
    this.thing = thing;
    this.act = act;
    this.name = nameOf(thing);
    this.stars = null;
    this.saved = false;
    this.why = element("p", { class: "why" }, bdi(why));
    this.badge = element("span", { class: "badge", hidden: true });
    this.answer = element("div", { class: "answer", hidden: true });
    this.acts = element("div", { class: "acts", role: "group", "aria-label": this.name });
    this.node = element("li", { class: "card", data: { item: thing.item_id } },
      element("a", { class: "frame", href: link(thing), tabindex: "-1", "aria-hidden": "true" }, // the title says the same to keys and readers
        art(thing), thing.label ? element("span", { class: "label" }, thing.label) : null),
      this.badge, this.answer, this.acts,
      element("div", { class: "caption" },
        element("a", { class: "name", href: link(thing) }, bdi(this.name)), element("p", { class: "facts" }, facts(thing)), this.why));
    this.node.card = this;
    this.offer();
  }

  button(name, label, run, more = {}) {
    return element("button", { type: "button", class: "act", title: label, "aria-label": `${label}: ${this.name}`, onclick: run, ...more }, icon(name));
  }

  offer() {
    const { rate, watched, save, hide } = words();
    this.saving = this.button("save", capital(save), () => this.save(), { "aria-pressed": String(this.saved) });
    this.acts.replaceChildren(
      this.button("star", capital(rate), () => this.askForStars(), { "data-act": "rate" }), this.saving,
      this.button("check", `Already ${watched}`, () => this.give("watch"), { "data-act": "watch" }),
      this.button("hide", capital(hide), () => this.give("skip"), { "data-act": "hide" }));
  }

  // The stars take the place of the buttons; where they were asked for, the focus goes back to.
  askForStars() {
    const input = starInput(this.name, this.stars, (value) => this.give("rating", value), () => this.settle(true));
    const away = element("button", { type: "button", class: "act", "aria-label": `Do not rate ${this.name}`, title: "Cancel", onclick: () => this.settle(true) }, icon("hide"));
    this.acts.replaceChildren(input, away);
    this.node.dataset.rating = "yes";
    input.focus();
  }

  // Shows what was answered, or offers the buttons again.
  settle(focus) {
    delete this.node.dataset.rating;
    if (this.node.dataset.answered) this.showAnswer();
    else this.offer();
    if (focus) this.acts.querySelector("button")?.focus();
  }

  async give(kind, value = null) {
    const before = [this.node.dataset.answered, this.stars];
    const focused = this.acts.contains(document.activeElement);
    this.node.dataset.answered = kind;
    if (kind === "rating") this.stars = value;
    this.settle(focused);
    try {
      await this.act(this.thing, kind, value);
    } catch {
      [this.node.dataset.answered, this.stars] = before;
      if (!before[0]) {
        delete this.node.dataset.answered;
        this.answer.hidden = true;
      }
      this.settle(focused);
    }
  }

  async save() {
    const kind = this.saved ? "watchlist_remove" : "watchlist_add";
    const show = (saved) => {
      this.saved = saved;
      this.saving.setAttribute("aria-pressed", String(saved));
    };
    show(!this.saved);
    await this.act(this.thing, kind, null).catch(() => show(!this.saved));
  }

  showAnswer() {
    const kind = this.node.dataset.answered;
    const { rate, watched, hidden } = words();
    const said = { rating: this.stars && starPicture(this.stars), watch: capital(watched), skip: capital(hidden) }[kind];
    this.answer.replaceChildren(element("span", { class: "said" }, said));
    this.answer.hidden = false;
    this.acts.replaceChildren(element("button", { type: "button", class: "change", onclick: () => this.askForStars(),
      "aria-label": kind === "rating" ? `Change ${starText(this.stars)} for ${this.name}` : `${capital(rate)} ${this.name}` },
    kind === "rating" ? "Change" : `${capital(rate)} it`));
  }

  // `moved`: places up (positive) or down; "new"; or 0 for nothing to say.
  mark(moved) {
    this.badge.hidden = !moved;
    this.badge.dataset.to = moved === "new" ? "new" : moved > 0 ? "up" : "down";
    this.badge.textContent = moved === "new" ? "New" : `${moved > 0 ? "▲" : "▼"} ${Math.abs(moved)}`;
    this.badge.setAttribute("aria-label", moved === "new" ? "new on this list" : `${moved > 0 ? "up" : "down"} ${Math.abs(moved)}`);
    this.badge.setAttribute("role", "img");
  }

  explain(why) {
    this.why.firstChild.textContent = why;
  }
}

export const firstReason = (place) => (place.reasons?.length ? reasonText(place.reasons[0].text) : "");

// One reason for each place; of several the one that was said least on this list, so that it does not say the same everywhere.
export function freshReasons(places) {
  const said = new Map();
  return new Map(places.map((place) => {
    const texts = place.reasons.map((reason) => reasonText(reason.text));
    const best = texts.reduce((one, text) => (one === null || (said.get(text) ?? 0) + 1 < (said.get(one) ?? 0) ? text : one), null);
    said.set(best, (said.get(best) ?? 0) + 1);
    return [place.item_id, best ?? ""];
  }));
}
