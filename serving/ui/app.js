// The page: who is looked at, what they do, and what moves because of it.

import * as api from "./api.js";
import { element, film, pastEvent, stage } from "./view.js";

const at = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const STRATEGIES = {
  two_tower: ["Personal", "The two towers and counted transitions"],
  two_tower_mirror: ["Personal, from the mirror", "The vector index does not answer; the in-process mirror does"],
  personal: ["Personal", "Sources other than the two towers"],
  onboarding: ["Personal, from answers", "What this user said; there is no event yet"],
  popular_segment: ["Popular with users like this one", "Only attributes of this user are known"],
  popular_fallback: ["Popular now", "Nothing is known about this user's taste yet"],
  last_known: ["Personal, as last known", "The feature store does not answer; what was read before it stopped does"],
  cached: ["Personal, of before", "The feature store does not answer; this is a list of the last minutes"],
  popular_degraded: ["Popular now, degraded", "The feature store does not answer"],
  nothing_eligible: ["Nothing left", "No film may be shown to this user"],
};

const state = { user: null, list: null, events: 0, turn: 0 };

function notice(text, tone = "plain") {
  at("notice").textContent = text;
  at("notice").dataset.tone = tone;
}

// Runs a step and says what went wrong; a step that another one overtook ends in silence.
async function guarded(step) {
  const turn = ++state.turn;
  const current = () => turn === state.turn;
  document.body.dataset.busy = "yes";
  try {
    await step(current);
  } catch (error) {
    if (!current()) return;
    notice(error.message, "bad");
    if (error instanceof api.KeyNeeded) at("key-dialog").showModal();
  } finally {
    if (current()) document.body.dataset.busy = "no";
  }
}

function show(user) {
  return guarded(async (current) => {
    const [list, history] = await Promise.all([api.list(user, at("explain").checked), api.history(user)]);
    if (!current()) return;
    state.user = user;
    at("user").value = user;
    window.history.replaceState(null, "", `#${encodeURIComponent(user)}`);
    for (const chip of at("examples").children) chip.setAttribute("aria-pressed", String(chip.dataset.user === String(user)));
    drawHistory(history);
    drawList(list, null);
    notice(list.cold_start
      ? "A stranger: everybody's favourites. Rate a film or two and the list becomes theirs."
      : "Watch, rate or skip a film: the list answers.");
  });
}

function act(place, action, name) {
  const { user, list, events } = state;
  return guarded(async (current) => {
    notice(`${action.say} ${name}…`);
    const event = { user_id: list.user_id, item_id: place.item_id, kind: action.kind, value: action.value, request_id: list.request_id };
    const receipt = await api.send(event);
    if (receipt.quarantined.length) throw new Error(receipt.quarantined[0].reason);
    const took = await api.applied(user, events);
    const [next, history] = await Promise.all([api.list(user, at("explain").checked), api.history(user)]);
    if (!current()) return;
    const before = positions(list);
    drawHistory(history);
    drawList(next, before);
    notice(took == null
      ? `${action.say} ${name}. The event is stored, but the consumer has not applied it yet.`
      : `${action.say} ${name}. In the features after ${Math.round(took)} ms: ${changes(next, before)}.`, took == null ? "bad" : "good");
  });
}

const positions = (list) => new Map(list.recommendations.map((place, position) => [place.item_id, position]));

function changes(list, before) {
  const fresh = list.recommendations.filter((place) => !before.has(place.item_id)).length;
  const moved = list.recommendations.filter((place, position) => before.has(place.item_id) && before.get(place.item_id) !== position).length;
  return fresh + moved === 0 ? "nothing moved" : `${fresh} new, ${moved} moved`;
}

function drawList(list, before) {
  const scores = list.recommendations.map((place) => place.score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const share = (score) => (high > low ? (score - low) / (high - low) : 1);
  const places = list.recommendations.map((place, position) => ({ ...place, position }));
  const tops = new Map([...at("list").children].map((row) => [row.dataset.item, row.getBoundingClientRect().top]));
  at("list").replaceChildren(...places.map((place) => film(place, share(place.score), before, act)));
  if (before) glide(tops);
  const [label, title] = STRATEGIES[list.strategy] ?? [list.strategy, ""];
  Object.assign(at("strategy"), { textContent: label, title, hidden: false });
  at("strategy").dataset.strategy = list.strategy;
  at("latency").textContent = `${list.trace.milliseconds.toFixed(1)} ms in the service, ${Math.round(list.roundTrip)} ms here`;
  at("list-title").textContent = `For user ${list.user_id}`;
  drawTrace(list.trace);
  state.list = list;
}

// Each film glides from where it stood to where it stands now (FLIP); a new one fades in.
function glide(tops) {
  if (calm.matches) return;
  for (const row of at("list").children) {
    const was = tops.get(row.dataset.item);
    const shift = was == null ? null : was - row.getBoundingClientRect().top;
    const from = shift == null ? { opacity: 0, transform: "translateX(28px)" } : { transform: `translateY(${shift}px)` };
    if (shift !== 0) row.animate([from, { opacity: 1, transform: "none" }], { duration: 520, easing: "cubic-bezier(.2,.8,.2,1)" });
  }
}

function drawHistory(history) {
  state.events = history.n_events;
  at("history-count").textContent = history.n_events ? `${history.n_events} events` : "";
  const rows = history.events.map(pastEvent);
  at("history").replaceChildren(...(rows.length ? rows : [element("li", { class: "empty" }, "No events yet")]));
}

function drawTrace(trace) {
  const slowest = Math.max(...trace.stages.map((step) => step.milliseconds), 0.001);
  at("trace").replaceChildren(...trace.stages.map((step) => stage(step, slowest)));
  at("trace-total").textContent = `${trace.milliseconds.toFixed(1)} ms`;
}

async function drawHealth() {
  try {
    const report = await api.health();
    const troubled = Object.entries(report.checks).filter(([, check]) => check.status !== "up");
    at("health").dataset.status = report.status;
    at("health").textContent = troubled.length ? troubled.map(([name, check]) => `${name.replaceAll("_", " ")} ${check.status}`).join(", ") : "all up";
    at("health").title = Object.entries(report.checks).map(([name, check]) => `${name}: ${check.status} ${check.detail}`).join("\n");
  } catch {
    at("health").dataset.status = "down";
    at("health").textContent = "no answer";
  }
}

async function begin() {
  at("pick").addEventListener("submit", (event) => {
    event.preventDefault();
    show(at("user").value.trim());
  });
  at("newcomer").addEventListener("click", () => show(String(10_000_000 + Math.floor(Math.random() * 1e9))));
  at("explain").addEventListener("change", () => state.user && show(state.user));
  at("key-dialog").addEventListener("close", () => {
    const key = at("key").value.trim();
    if (!key) return;
    api.useKey(key);
    location.reload();
  });
  drawHealth();
  setInterval(drawHealth, 10_000);
  api.version().then((found) => (at("release").textContent = `release ${found.release}`), () => {});
  const { users } = await api.users().catch(() => ({ users: [] }));
  at("examples").replaceChildren(...users.map((user) =>
    element("button", { type: "button", "aria-pressed": "false", data: { user: String(user) }, onclick: () => show(user) }, String(user))));
  const asked = decodeURIComponent(location.hash.slice(1));
  await show(asked || String(users[0] ?? 1));
}

begin();
