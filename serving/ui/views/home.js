// A user's lists: what is recommended, and rows around it. Every answer changes them while the user looks.

import * as api from "../api.js";
import { bdi, element, say } from "../dom.js";
import { Answers } from "../parts/answers.js";
import { firstReason, freshReasons, link } from "../parts/card.js";
import { Shelf } from "../parts/shelf.js";
import { keepList } from "../session.js";
import { ago, deed, liked, nameOf, plural, words } from "../words.js";

const SIZE = 12; // fills rows of 6, 4, 3 and 2
const IN_ROW = 14;
const STRATEGIES = {
  onboarding: "Made from what you told us; every answer makes it more yours.",
  popular_segment: "Popular with people like you. Rate something, and it becomes yours.",
  popular_fallback: "Nothing is known about your taste yet, so this is what everybody likes.",
  last_known: "Some of what you did last may be missing: the feature store does not answer.",
  cached: "The list of a moment ago: the feature store does not answer.",
  popular_degraded: "What everybody likes: the feature store does not answer.",
  nothing_eligible: "Nothing is left to recommend.",
};

export function home(main, { user }, alive) {
  let shown = SIZE;
  let list = null;
  let reasons = new Map();
  let anchor = null; // the item that "because" is about
  const answers = new Answers(user, {
    requestOf: (id) => (list?.recommendations.some((place) => place.item_id === id) ? list.request_id : null),
    changed: async (text, took) => {
      const latest = drawPast();
      const { fresh, moved } = await drawPicks();
      if (!alive()) return;
      const change = fresh + moved ? `${fresh} new, ${moved} moved` : "the order stays";
      picks.note.textContent = `After “${text}”: ${change}.`;
      say(`${text}. The list answered in ${Math.round(took)} ms: ${change}.`, "good");
      await latest;
    },
  });

  const picks = new Shelf("Top picks", answers.give, { wide: true, blank: SIZE, why: (place) => reasons.get(place.item_id) ?? "" });
  const because = new Shelf("", answers.give, { blank: 0, why: firstReason });
  const trending = new Shelf("Trending", answers.give);
  const fresh = new Shelf("New and worth a try", answers.give);
  because.node.hidden = true;
  const past = element("p", { class: "past" });
  const hint = element("p", { class: "hint", hidden: true });
  const more = element("button", { type: "button", class: "more", onclick: () => { shown += SIZE; return guarded(picks, drawPicks); } }, "Show more");
  picks.node.append(more);
  main.replaceChildren(
    element("div", { class: "lead" }, element("h1", {}, "For ", bdi(`user ${user}`)), past, hint,
      element("a", { class: "behind-link", href: `#/user/${encodeURIComponent(user)}/behind` }, "See how this list was made")),
    picks.node, because.node, trending.node, fresh.node);

  async function drawPicks() {
    const found = await api.recommended(user, shown);
    if (!alive()) return { fresh: 0, moved: 0 };
    list = found;
    reasons = freshReasons(found.recommendations);
    keepList(user, found);
    more.hidden = found.recommendations.length < shown || shown >= 48;
    hint.hidden = !STRATEGIES[found.strategy];
    hint.replaceChildren(STRATEGIES[found.strategy] ?? "", found.strategy === "popular_fallback" ? element("a", { href: "#/welcome" }, "Say what you like") : "");
    return picks.show(found.recommendations, `No ${words().item} may be shown to this user.`);
  }

  async function drawPast() {
    const latest = await api.history(user);
    if (!alive()) return;
    answers.events = Math.max(answers.events, latest.n_events);
    drawLately(latest);
    const last = latest.events.find((event) => event.title !== null && liked(event)); // of what is in the catalogue
    if (last && last.item_id !== anchor) await drawBecause(last);
  }

  function drawLately({ events, n_events: count }) {
    const lately = events.slice(0, 3).flatMap((event, index) => [index ? ", " : "", `${deed(event)} `, element("a", { href: link(event) }, bdi(nameOf(event)))]);
    const when = events.length ? ` (${ago(events[0].ts)})` : "";
    past.replaceChildren(...(count ? [`${plural(count, "event")}; lately `, ...lately, when] : ["Nothing done yet."]));
  }

  async function drawBecause(event) {
    anchor = event.item_id;
    const { watched } = words();
    because.title.replaceChildren(`Because you ${event.kind === "rating" ? "liked" : watched} `, bdi(nameOf(event)));
    if (because.node.hidden) because.wait();
    because.node.hidden = false;
    await guarded(because, async () => because.show((await api.similar(event.item_id, IN_ROW, user)).items, "Nothing resembles it."));
  }

  async function guarded(shelf, draw) {
    try {
      return await draw();
    } catch (error) {
      if (!alive()) return null;
      if (error instanceof api.KeyNeeded) document.dispatchEvent(new CustomEvent("key-needed", { detail: error.message }));
      shelf.fail(error, () => { shelf.wait(); return guarded(shelf, draw); });
      return null;
    }
  }

  return Promise.all([
    guarded(picks, drawPicks),
    guarded(because, drawPast),
    guarded(trending, async () => trending.show((await api.trending(IN_ROW, user)).items)),
    guarded(fresh, async () => fresh.show((await api.fresh(IN_ROW, user)).items)),
  ]);
}
