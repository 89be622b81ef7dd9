// One item: what is known of it, why it suits this user, and what resembles it.

import * as api from "../api.js";
import { art } from "../art.js";
import { bdi, element, say } from "../dom.js";
import { Answers } from "../parts/answers.js";
import { Card, firstReason } from "../parts/card.js";
import { Shelf } from "../parts/shelf.js";
import { failed, waiting } from "../parts/states.js";
import { styled } from "../parts/styled.js";
import { currentUser } from "../session.js";
import { capital, nameOf, plural, reasonText, words, yearOf } from "../words.js";

const SIMILAR = 12;
const LANGUAGE = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

function language(code) {
  try {
    return LANGUAGE.of(code);
  } catch {
    return code; // not a code that the standard knows
  }
}

const list = (route, names) => names.map((name) => element("a", { class: "chip", href: `#/${route}/${encodeURIComponent(name)}` }, bdi(name)));

function facts(item) {
  const { genres, person, people } = words();
  const rows = [
    ["Year", yearOf(item)], ["Length", item.runtime && `${item.runtime} minutes`], ["Language", item.language && language(item.language)],
    ["Suitable from", item.maturity && `${item.maturity} years`], ["Series", item.series],
    ["Rated", item.rating_mean && `${item.rating_mean.toFixed(1)} stars on average`], ["Known from", item.events && plural(Math.round(item.events), "event")],
  ].filter(([, value]) => value);
  return [
    item.genres?.length ? element("div", { class: "chips", role: "group", "aria-label": capital(genres) }, ...list("genre", item.genres)) : null,
    item.overview ? element("p", { class: "overview", dir: "auto" }, item.overview) : null,
    item.people?.length ? element("div", { class: "cast" }, element("h2", { class: "small" }, capital(item.people.length === 1 ? person : people)),
      element("div", { class: "chips" }, ...list("people", item.people.slice(0, 12)))) : null,
    element("dl", { class: "facts-list" }, ...rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, bdi(String(value)))))),
  ];
}

function verdict(why) {
  if (why.shown) return `It is on your list, in place ${why.position + 1}.`;
  if (why.stage === "filter" && why.part === "seen") return "You know it already, so your lists leave it out.";
  if (why.stage === "page" && why.rank) return `It is place ${why.rank} of what suits you, below the end of the list.`;
  if (why.stage === "source") return "It is not among what your taste finds now.";
  return why.text;
}

function whyBox(user, why) {
  const found = why.sources.filter((source) => source.found);
  return [
    element("h2", {}, "Why it suits ", bdi(`user ${user}`)),
    element("p", { class: "verdict" }, verdict(why)),
    why.reasons.length ? element("ul", { class: "reasons" }, ...why.reasons.map((reason) => element("li", { data: { code: reason.code } }, bdi(reasonText(reason.text))))) : null,
    found.length ? element("details", {}, element("summary", {}, "What found it"),
      element("ul", { class: "plain" }, ...found.map((source) => element("li", {}, `${source.part.replaceAll("_", " ")}: place ${source.rank} of the ${source.asked} it may name`)))) : null,
  ];
}

export async function film(main, { item: id }, alive) {
  const user = currentUser();
  main.replaceChildren(waiting());
  const [item] = await Promise.all([api.item(id), styled("details")]);
  if (!alive()) return;
  document.title = `${nameOf(item)} · ${document.title}`;
  const why = element("section", { class: "panel why-box" }, waiting("Looking for reasons…"));
  const answers = new Answers(user, { changed: async (text) => { say(`${text}. Your lists know it now.`, "good"); await drawWhy(); } });
  const card = new Card(item, answers.give);
  const similar = new Shelf(`${capital(words().items)} like this one`, answers.give, { why: firstReason });
  main.replaceChildren(
    element("article", { class: "film" },
      element("div", { class: "film-art" }, art(item)),
      element("div", { class: "film-text" },
        element("h1", {}, bdi(nameOf(item)), " ", element("span", { class: "quiet" }, yearOf(item))),
        item.shown ? null : element("p", { class: "hint" }, `This ${words().item} is hidden from all lists.`),
        element("div", { class: "film-acts" }, card.acts, card.answer), ...facts(item)),
      why),
    similar.node);

  async function drawWhy() {
    try {
      const found = await api.why(user, id);
      if (alive()) why.replaceChildren(...whyBox(user, found).filter(Boolean));
    } catch (error) {
      if (alive()) why.replaceChildren(failed(error, drawWhy));
    }
  }

  async function drawPast() {
    const past = await api.history(user, 100);
    answers.events = past.n_events;
    const mine = past.events.filter((event) => event.item_id === item.item_id);
    const rated = mine.find((event) => event.kind === "rating");
    const last = rated ?? mine.find((event) => ["watch", "skip"].includes(event.kind));
    card.saved = mine.find((event) => event.kind.startsWith("watchlist"))?.kind === "watchlist_add";
    if (!last) return card.offer();
    card.node.dataset.answered = last.kind;
    card.stars = rated?.value ?? null;
    return card.settle(false);
  }

  async function drawSimilar() {
    try {
      similar.show((await api.similar(id, SIMILAR, user)).items, `Nothing resembles this ${words().item}.`);
    } catch (error) {
      if (alive()) similar.fail(error, () => { similar.wait(); return drawSimilar(); });
    }
  }

  await Promise.all([drawWhy(), drawPast().catch(() => {}), drawSimilar()]);
}

