// What things are called: the words of the domain, titles as people write them, stars and times.

import * as api from "./api.js";

const KEPT = "marquee-domain"; // of the last visit, so that nothing changes its name while the page loads
let domain = {
  name: "Marquee",
  words: {
    item: "film", items: "films", genre: "genre", genres: "genres", person: "person", people: "people",
    watch: "watch", watched: "watched", rate: "rate", rated: "rated", save: "save for later", saved: "saved",
    hide: "not for me", hidden: "hidden",
  },
  stars: { max: 5, step: 0.5 },
  links: { mlflow: null, grafana: null, docs: "/docs" },
};

export const words = () => domain.words;
export const stars = () => domain.stars;
export const links = () => domain.links;
export const siteName = () => domain.name;
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function take(found) {
  domain = { ...domain, ...found, words: { ...domain.words, ...found.words } };
}

// Asks the API once; what it said at the last visit holds until then.
export async function learnWords() {
  try {
    take(JSON.parse(localStorage.getItem(KEPT) ?? "{}"));
    take(await api.domain());
    localStorage.setItem(KEPT, JSON.stringify(domain));
  } catch {
    // the words above, or those of the last visit
  }
}

const ARTICLES = "The|A|An|Les?|La|L'|Der|Die|Das|El|Il|Los|Las|Un|Une|Ein|Eine";
const ARTICLE = new RegExp(`^(.*?), (${ARTICLES})(?=( \\(.*\\))?$)`, "s");

// "Shawshank Redemption, The (1994)" -> ["The Shawshank Redemption", "1994"]
export function readable(title) {
  const [, name, year] = /^(.*?)\s*(?:\((\d{4})\))?\s*$/s.exec(title ?? "");
  return [name.replace(ARTICLE, (_, rest, article) => (article === "L'" ? article + rest : `${article} ${rest}`)), year ?? ""];
}

// The name of something with `title` and `item_id`; one without a title is called by its id.
export const nameOf = (thing) => readable(thing.title)[0].trim() || `${capital(words().item)} ${thing.item_id}`;
export const yearOf = (thing) => String(thing.year ?? (readable(thing.title)[1] || ""));

// A reason names films by their stored titles; people read them the other way round.
export function reasonText(text) {
  return text.replace(new RegExp(`(enjoyed|Because of|like|liked) (.+), (${ARTICLES})(?= \\(\\d{4}\\)|,|$)`), "$1 $3 $2")
    .replace(/ \(\d{4}\)(?=,|$)/, "");
}

export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

// 4.5 -> "4½ stars"
export function starText(value) {
  const whole = Math.floor(value);
  const number = value % 1 ? `${whole || ""}½` : String(whole);
  return `${number} ${value <= 1 ? "star" : "stars"}`;
}

const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

// Unix seconds -> "3 days ago", "in 2 hours"
export function ago(seconds) {
  const away = seconds - Date.now() / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(away) >= length) ?? UNITS.at(-1);
  return RELATIVE.format(Math.round(away / size), unit);
}

const DONE = { view: "looked at", click: "opened", purchase: "bought", watchlist_remove: "took off the list", search: "searched for", review: "reviewed" };

// What an event of the history says, without the item: "rated 4½ stars".
export function deed(event) {
  const said = { watch: words().watched, rating: words().rated, watchlist_add: words().saved, skip: words().hidden, ...DONE }[event.kind] ?? event.kind;
  return event.value != null && ["rating", "review"].includes(event.kind) ? `${said} ${starText(event.value)}` : said;
}

const LIKES = { rating: (value) => value >= 3.5, review: (value) => value == null || value >= 3.5, watch: (value) => value == null || value >= 20, purchase: () => true, watchlist_add: () => true };

export const liked = (event) => LIKES[event.kind]?.(event.value) ?? false;
