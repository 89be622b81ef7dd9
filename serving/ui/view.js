// Data to elements. Text only ever enters the page as text nodes, so a title cannot bring markup with it.

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "data") Object.assign(node.dataset, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

const ARTICLE = /^(.*?), (The|A|An|Les?|La|Der|Die|Das|El|Il)(?= \(|$)/;

// "Shawshank Redemption, The (1994)" -> ["The Shawshank Redemption", "1994"]
export function readable(title) {
  const [, name, year] = /^(.*?)\s*(?:\((\d{4})\))?\s*$/s.exec(title);
  return [name.replace(ARTICLE, "$2 $1"), year ?? ""];
}

// "The Shawshank Redemption" -> "SR"
function initials(name) {
  const words = name.replace(/^(The|A|An) /, "").match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.slice(0, 2).map((word) => [...word][0]).join("").toUpperCase();
}

const HUES = { Action: 12, Adventure: 32, Animation: 170, Children: 190, Comedy: 45, Crime: 350, Documentary: 90, Drama: 220,
  Fantasy: 280, "Film-Noir": 250, Horror: 0, IMAX: 200, Musical: 310, Mystery: 265, Romance: 335, "Sci-Fi": 205,
  Thriller: 240, War: 75, Western: 25 };

function poster(name, genres) {
  const tile = element("span", { class: "poster", "aria-hidden": "true" }, initials(name));
  const hue = HUES[genres[0]] ?? 230;
  tile.style.background = `linear-gradient(150deg, hsl(${hue} 42% 36%), hsl(${(hue + 50) % 360} 48% 17%))`;
  return tile;
}

const ACTIONS = [
  { kind: "watch", value: 100, label: "Watch", icon: "▶", say: "Watched" },
  { kind: "rating", value: 5, label: "5 stars", icon: "★5", say: "Gave 5 stars to" },
  { kind: "rating", value: 1, label: "1 star", icon: "★1", say: "Gave 1 star to" },
  { kind: "watchlist_add", value: null, label: "Add to watchlist", icon: "+", say: "Put on the watchlist:" },
  { kind: "skip", value: null, label: "Not interested", icon: "✕", say: "Skipped" },
];

function moved(place, before) {
  if (before == null) return null;
  const was = before.get(place.item_id);
  if (was == null) return element("span", { class: "move", data: { to: "new" } }, "new");
  const by = was - place.position;
  if (by === 0) return null;
  const words = `${by > 0 ? "up" : "down"} ${Math.abs(by)}`;
  return element("span", { class: "move", data: { to: by > 0 ? "up" : "down" }, "aria-label": words, title: words },
    `${by > 0 ? "▲" : "▼"}${Math.abs(by)}`);
}

// `share` is the score's place between the list's lowest (0) and highest (1).
export function film(place, share, before, act) {
  const [name, year] = readable(place.title);
  const strength = element("span", { class: "strength", title: `score ${place.score.toFixed(3)}` }, element("i"));
  strength.firstChild.style.width = `${8 + 92 * share}%`;
  const buttons = ACTIONS.map((action) =>
    element("button", { type: "button", title: action.label, "aria-label": `${action.label}: ${name}`,
      data: { kind: action.kind, value: action.value ?? "" }, onclick: () => act(place, action, name) }, action.icon));
  return element("li", { class: "film", data: { item: place.item_id } },
    element("span", { class: "rank" }, String(place.position + 1), moved(place, before)),
    poster(name, place.genres),
    element("div", { class: "what" },
      element("p", { class: "name" }, element("strong", {}, name), " ", element("span", { class: "quiet" }, year),
        ...(place.label ? [" ", element("span", { class: "label" }, place.label)] : [])),
      element("p", { class: "genres" }, ...place.genres.slice(0, 4).map((genre) => element("span", {}, genre))),
      ...place.reasons.map((reason) => element("p", { class: "reason", data: { code: reason.code } }, reason.text))),
    element("span", { class: "score" }, strength, element("span", { class: "quiet" }, place.score.toFixed(2))),
    element("div", { class: "acts", role: "group", "aria-label": `Answer ${name}` }, ...buttons));
}

const KINDS = { view: "Viewed", click: "Clicked", watch: "Watched", rating: "Rated", purchase: "Bought", watchlist_add: "Watchlist",
  watchlist_remove: "Off watchlist", search: "Searched", review: "Reviewed", skip: "Skipped" };
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function ago(seconds) {
  const age = Math.min(0, seconds - Date.now() / 1000);
  const [unit, size] = UNITS.find(([, length]) => -age >= length) ?? UNITS.at(-1);
  return RELATIVE.format(Math.round(age / size), unit);
}

export function pastEvent(event) {
  const [name, year] = readable(event.title ?? `Item ${event.item_id}`);
  const value = event.value == null ? "" : event.kind === "watch" ? `${Math.round(event.value)} min` : `★ ${event.value}`;
  const when = new Date(event.ts * 1000);
  return element("li", { data: { kind: event.kind } },
    element("span", { class: "kind" }, KINDS[event.kind] ?? event.kind, value ? ` ${value}` : ""),
    element("span", { class: "name" }, name, " ", element("span", { class: "quiet" }, year)),
    element("time", { class: "quiet", datetime: when.toISOString(), title: when.toLocaleString() }, ago(event.ts)));
}

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

export function stage(step, slowest) {
  const bar = element("span", { class: "bar" }, element("i"));
  bar.firstChild.style.width = `${Math.max(1.5, (100 * step.milliseconds) / slowest)}%`;
  const dropped = step.dropped ? `, ${step.dropped} dropped` : "";
  const outcome = step.error ?? (step.stage === "features" ? plural(step.returned, "event") : plural(step.returned, "film") + dropped);
  return element("li", { data: { stage: step.stage, failed: step.error ? "yes" : "no" } },
    element("span", { class: "part" }, step.part.replaceAll("_", " "), " ", element("span", { class: "quiet" }, step.stage.replaceAll("_", " "))),
    element("span", { class: "took" }, `${step.milliseconds.toFixed(step.milliseconds < 10 ? 2 : 0)} ms`),
    bar,
    element("span", { class: "quiet outcome" }, outcome));
}
