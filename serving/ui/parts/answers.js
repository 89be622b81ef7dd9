// What a user does with an item, sent as an event; the features count it before anybody is told that something changed.

import * as api from "../api.js";
import { say } from "../dom.js";
import { capital, nameOf, starText, words } from "../words.js";

const MINUTES = 100; // of an item whose length is not known
const [LONG, SELDOM] = [60_000, 1_000]; // milliseconds for which a consumer that is behind is waited for, and between two looks

function eventOf(thing, kind, value) {
  if (kind !== "watch") return { kind, value };
  return words().watch === "buy" ? { kind: "purchase", value: null } : { kind, value: thing.runtime ?? MINUTES };
}

function sentence(thing, kind, value) {
  const name = nameOf(thing);
  const { saved, watched, hidden } = words();
  const said = { rating: () => starText(value), watch: () => capital(watched), skip: () => capital(hidden), watchlist_add: () => capital(saved), watchlist_remove: () => `No longer ${saved}` };
  return `${said[kind]()}: ${name}`;
}

// `requestOf(item)`: the list that showed the item; `changed(sentence, milliseconds)` runs when the next list will answer the event.
export class Answers {
  constructor(user, { requestOf = () => null, changed = async () => {} } = {}) {
    Object.assign(this, { user, requestOf, changed, events: 0 });
  }

  give = async (thing, kind, value) => {
    const text = sentence(thing, kind, value);
    say(`${text}…`);
    try {
      const event = { user_id: this.user, item_id: thing.item_id, request_id: this.requestOf(thing.item_id), ...eventOf(thing, kind, value) };
      const receipt = await api.send(event);
      if (receipt.quarantined.length) throw new api.Problem(receipt.quarantined[0].reason);
    } catch (error) {
      say(error.message, "bad");
      throw error;
    }
    this.events++;
    let took = await api.applied(this.user, this.events).catch(() => null);
    if (took === null) {
      say(`${text}. It is stored, and counts as soon as the stream consumer has read it.`, "bad");
      took = await api.applied(this.user, this.events, LONG, SELDOM).catch(() => null);
    }
    if (took !== null) await this.changed(text, took).catch((error) => say(error.message, "bad"));
  };
}
