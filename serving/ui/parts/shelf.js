// A row of cards under a heading, which scrolls sideways; a grid where `wide`.

import { element } from "../dom.js";
import { Card } from "./card.js";
import { reflow } from "./slots.js";
import { blanks, empty, failed } from "./states.js";

let numbered = 0;

export class Shelf {
  constructor(title, act, { wide = false, blank = 6, why = null, level = "h2" } = {}) {
    Object.assign(this, { act, why: why ?? (() => "") });
    const id = `shelf-${++numbered}`;
    this.title = element(level, { id }, title);
    this.note = element("p", { class: "note" });
    this.list = element("ol", { class: `${wide ? "grid" : "row"}${why ? "" : " bare"}` }, ...blanks(blank));
    this.body = element("div", { class: "shelf-body" }, this.list);
    this.node = element("section", { class: "shelf", "aria-labelledby": id }, element("div", { class: "shelf-head" }, this.title, this.note), this.body);
  }

  make = (place) => new Card(place, this.act, { why: this.why(place) });

  // Shows these places; those that were there keep their cards. Answers what changed: { fresh, moved }.
  show(places, nothing = "Nothing here yet.") {
    this.hold(places.length || this.answered() ? this.list : empty(nothing));
    this.list.querySelectorAll(".blank").forEach((node) => node.remove());
    const first = !this.list.children.length;
    if (first) {
      this.list.replaceChildren(...places.map((place) => this.make(place).node));
      return { fresh: 0, moved: 0 };
    }
    for (const place of places) this.cardOf(place.item_id)?.explain(this.why(place));
    return reflow(this.list, places, this.make);
  }

  fail(error, again) {
    if (this.answered()) return; // what is there is better than a message
    this.hold(failed(error, again));
  }

  wait(blank = 6) {
    this.list.replaceChildren(...blanks(blank));
    this.hold(this.list);
  }

  // A list that is there already is not put there again: that would lose the focus and the place it was scrolled to.
  hold(node) {
    if (this.body.firstChild !== node) this.body.replaceChildren(node);
  }

  answered = () => [...this.list.children].some((node) => node.dataset.answered);
  cardOf = (item) => [...this.list.children].find((node) => node.dataset.item === String(item))?.card;
}
