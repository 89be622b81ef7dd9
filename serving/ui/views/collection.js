// Items that have something in common: a search, a genre, a person.

import * as api from "../api.js";
import { bdi, element, say } from "../dom.js";
import { Answers } from "../parts/answers.js";
import { Shelf } from "../parts/shelf.js";
import { currentUser } from "../session.js";
import { capital, plural, words } from "../words.js";

const SIZE = 24;

async function collection(main, alive, heading, fetch, nothing) {
  const user = currentUser();
  const answers = new Answers(user, { changed: async (text) => say(`${text}. Your lists know it now.`, "good") });
  const shelf = new Shelf("", answers.give, { wide: true, blank: 12, level: "h1", why: (place) => matched(place) });
  shelf.title.replaceChildren(...heading);
  main.replaceChildren(shelf.node);
  try {
    const [found, past] = await Promise.all([fetch(user), api.history(user, 1)]);
    if (!alive()) return;
    answers.events = past.n_events;
    shelf.show(found.items, nothing);
    if (found.corrected) shelf.note.replaceChildren("Shown for ", element("strong", {}, bdi(found.corrected)));
    else if (found.items.length) shelf.note.textContent = plural(found.items.length, words().item, words().items);
  } catch (error) {
    if (alive()) shelf.fail(error, () => collection(main, alive, heading, fetch, nothing));
  }
}

const matched = (place) => (place.matched && place.matched.field !== "title" ? `${capital(words()[place.matched.field] ?? place.matched.field)}: ${place.matched.text}` : "");

export const searched = (main, { q }, alive) =>
  collection(main, alive, ["Search: ", bdi(q ?? "")], (user) => (q ? api.search(q, SIZE, user) : { items: [] }),
    `No ${words().item} is called like that. Try fewer letters, or a ${words().person}.`);

export const ofGenre = (main, { name }, alive) =>
  collection(main, alive, [bdi(name)], (user) => api.trending(SIZE, user, name), `No ${words().items} here.`);

export const ofPerson = (main, { name }, alive) =>
  collection(main, alive, [bdi(name)], () => api.person(name, SIZE), `No ${words().items} here.`);
