// Whose lists are looked at: somebody known, any id, or somebody new.

import * as api from "../api.js";
import { at, bdi, element } from "../dom.js";
import { currentUser } from "../session.js";
import { ago, deed, nameOf, plural } from "../words.js";

const LOOKED_AT = 5; // users whose history is read when nobody is chosen yet

// The example user who did something last, of those with much to go by.
export async function mostVivid() {
  const { users } = await api.users();
  const known = await Promise.all(users.slice(0, LOOKED_AT).map((user) => api.history(user, 1).catch(() => ({ events: [] }))));
  const latest = (history) => history.events[0]?.ts ?? 0;
  const best = known.reduce((one, other) => (latest(other) > latest(one) ? other : one), known[0] ?? { events: [] });
  return String(best.user_id ?? users[0] ?? 1);
}

async function example(user) {
  const past = await api.history(user, 1).catch(() => ({ n_events: 0, events: [] }));
  const [last] = past.events;
  return element("li", {}, element("a", { class: "person", href: `#/user/${encodeURIComponent(user)}`, "aria-current": String(user) === currentUser() ? "true" : null },
    element("strong", {}, bdi(`User ${user}`)), element("span", { class: "quiet" }, plural(past.n_events, "event")),
    last ? element("span", { class: "facts" }, `${deed(last)} `, bdi(nameOf(last)), `, ${ago(last.ts)}`) : null));
}

export function peoplePicker() {
  const dialog = at("people-dialog");
  at("who").addEventListener("click", async () => {
    dialog.showModal();
    const { users } = await api.users().catch(() => ({ users: [] }));
    at("examples").replaceChildren(...await Promise.all(users.map(example)));
  });
  at("pick").addEventListener("submit", () => {
    const id = at("user").value.trim();
    if (id) location.hash = `#/user/${encodeURIComponent(id)}`;
  });
  addEventListener("hashchange", () => dialog.close());
}
