// The sections of the operator's page that need a key: each fetches what it shows.

import * as api from "../api.js";
import { bdi, element, say } from "../dom.js";
import { ago, capital, plural } from "../words.js";
import { rateChart } from "./chart.js";
import { confirmed } from "./confirm.js";
import { table } from "./pipeline.js";
import { empty } from "./states.js";

const DAYS = 30;
const DECISIONS = 50;
const MOVES = 10;
const when = (seconds) => element("time", { datetime: new Date(seconds * 1000).toISOString(), title: new Date(seconds * 1000).toLocaleString() }, ago(seconds));
const tile = (name, value, note) => element("div", { class: "tile-fact" }, element("span", { class: "quiet" }, name), element("strong", {}, value), note ? element("span", { class: "facts" }, note) : null);

// Asks for a reason, does it, shows what came of it and draws again.
async function doing(question, act, path, done, again) {
  const why = await confirmed(question);
  if (why === null) return;
  try {
    if (path.startsWith("experiments/")) await act(api.query(path, { why }), undefined, done);
    else await act(path, path === "retrain" ? { reason: why } : { why }, done);
  } catch (error) {
    say(error.message, "bad");
  }
  await again();
}

export async function status(first, act, again) {
  const { consumer, learning, retraining } = first.used ? await api.admin("status") : first;
  first.used = true;
  const groups = Object.entries(consumer.groups ?? {}).map(([name, lag]) => `${name} ${lag ?? "?"}`).join(", ");
  const retrain = () => doing({ title: "Retrain now?", text: "A release is made from everything that happened, in a process of its own. It serves only if it passes the gate.", action: "Retrain" }, act, "retrain", "Asked for a retraining.", again);
  return [
    element("div", { class: "tiles" },
      tile("Consumer is behind by", consumer.lag == null ? "not known" : plural(consumer.lag, "event"), groups),
      tile("Online learning", learning.enabled ? `version ${learning.version}` : "off", learning.updated_at ? `last ${ago(learning.updated_at)}` : ""),
      tile("Retraining", capital(retraining.state), retraining.reason),
      retraining.outcome ? tile("The last one", retraining.outcome, retraining.ended_at ? ago(retraining.ended_at) : "") : null),
    element("button", { type: "button", disabled: retraining.state !== "ready", onclick: retrain }, "Retrain now"),
  ];
}

export async function acceptance() {
  const { days } = await api.admin(`acceptance?days=${DAYS}`);
  if (!days.length) return empty("No list was shown in the last 30 days.");
  const box = element("div", { class: "chart-box" });
  new ResizeObserver(([entry]) => box.replaceChildren(rateChart(days, Math.max(280, Math.floor(entry.contentRect.width))))).observe(box);
  return [element("p", { class: "quiet" }, "Share of lists from which somebody took something, by day, with 95 % intervals. The last days may still rise."), box];
}

const METRIC = (metrics) => Object.entries(metrics).find(([name]) => /^ndcg/.test(name))?.[1];

export async function releases(act, again) {
  const found = await api.admin("releases");
  const promote = (one) => doing({ title: `Promote version ${one.version}?`, text: `${one.name ?? "It"} goes to production if it passes the gate; every process serves it within seconds.`, action: "Promote" },
    act, `releases/${encodeURIComponent(one.version)}/promote`, `Version ${one.version} is production.`, again);
  const rollback = () => doing({ title: "Roll back?", text: "The release that was production before is production again.", action: "Roll back" }, act, "releases/rollback", "Rolled back.", again);
  const rows = found.releases.map((one) => [
    one.version, bdi(one.name ?? ""), when(one.created), one.aliases.join(", "), METRIC(one.metrics)?.toFixed(4) ?? "",
    element("span", { data: { gate: one.gate }, class: "gate", title: one.why }, one.gate === "none" ? "not asked" : one.gate),
    one.aliases.includes("production") ? "" : element("button", { type: "button", onclick: () => promote(one) }, "Promote"),
  ]);
  return [
    element("p", {}, "Serving ", element("strong", {}, bdi(found.serving)), " ", element("button", { type: "button", onclick: rollback }, "Roll back")),
    table(["Version", "Name", "Made", "Aliases", "NDCG@10", "Gate", "Move"], rows, "Releases"),
    found.moves.length ? element("details", { open: true }, element("summary", {}, "What happened to them"),
      element("ol", { class: "moves" }, ...found.moves.slice(0, MOVES).map((move) => element("li", {}, when(move.at), " ", element("strong", {}, move.action), " ", bdi(`${move.version ? `version ${move.version}` : ""}${move.alias ? ` (${move.alias})` : ""}`),
        " by ", bdi(move.actor || "nobody known"), move.outcome === "done" ? "" : ` — ${move.outcome}`, move.why ? element("p", { class: "facts" }, bdi(move.why)) : null)))) : null,
  ];
}

export async function experiments(act, again) {
  const { experiments: all } = await api.admin("experiments");
  if (!all.length) return empty("No experiment is defined.");
  const change = (one, verb, text) => doing({ title: `${capital(verb)} ${one.name}?`, text, action: capital(verb) }, act, `experiments/${encodeURIComponent(one.name)}/${verb}`, `${one.name}: ${verb === "start" ? "running" : "stopped"}.`, again);
  return table(["Experiment", "Question", "State", "Shares", "Since", "Move"], all.map((one) => [
    bdi(one.name), one.fault || one.question, one.state, Object.entries(one.shares ?? {}).map(([name, share]) => `${name} ${(100 * share).toFixed(0)} %`).join(", "), one.since ? when(one.since) : "",
    one.state === "running" ? element("button", { type: "button", onclick: () => change(one, "stop", "Everybody gets the same again.") }, "Stop")
      : one.state === "faulty" ? "" : element("button", { type: "button", onclick: () => change(one, "start", "Its users get their variants from their next list on.") }, "Start"),
  ]), "Experiments");
}

// Decisions that follow each other and say the same are one line.
function runs(all) {
  const found = [];
  for (const one of all.toReversed()) {
    const last = found.at(-1);
    if (last?.latest.verdict === one.verdict && last.latest.action === one.action) Object.assign(last, { times: last.times + 1, since: one.at });
    else found.push({ latest: one, times: 1, since: one.at });
  }
  return found;
}

export async function decisions() {
  const { decisions: all } = await api.admin(`decisions?limit=${DECISIONS}`);
  if (!all.length) return empty("The watchdog has not decided anything yet.");
  return element("ol", { class: "moves" }, ...runs(all).map(({ latest, times, since }, index) => element("li", { data: { verdict: latest.verdict } },
    when(latest.at), " ", element("strong", {}, latest.verdict), element("span", { class: "quiet" }, ` — ${latest.action.replace(/^none(: )?/, (_, more) => `did nothing${more ? ": " : ""}`)}${times > 1 ? `, ${times} times since ${ago(since)}` : ""}`),
    element("details", { open: index === 0 }, element("summary", {}, "Why"), element("ul", { class: "plain" }, ...latest.reasons.map((reason) => element("li", {}, reason)))))));
}
