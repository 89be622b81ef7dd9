// The state of the system for those who run it. What everybody may see stands first; the rest needs a key.

import * as api from "../api.js";
import { bdi, element, say } from "../dom.js";
import { askForKey } from "../parts/keys.js";
import { failed, waiting } from "../parts/states.js";
import { styled } from "../parts/styled.js";
import { ago, capital, links } from "../words.js";
import { acceptance, decisions, experiments, releases, status } from "../parts/operating.js";

const EVERY = 10_000; // milliseconds

const check = ([name, { status: state, detail }]) =>
  element("li", { class: "check", data: { status: state } }, element("strong", {}, capital(name.replaceAll("_", " "))), element("span", { class: "state" }, state), element("p", { class: "facts" }, bdi(detail)));

function versionFacts(version) {
  const since = (iso) => ago(Date.parse(iso) / 1000);
  return element("dl", { class: "facts-list" }, ...[
    ["Release", version.release], ["Made", since(version.created)], ["Learned until", new Date(version.trained_until * 1000).toISOString().slice(0, 10)],
    ["Policy", version.policy], ["Code", version.code_version], ["NDCG@10", version.metrics["ndcg@10"]?.toFixed(4)],
  ].filter(([, value]) => value).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, bdi(value)))));
}

const elsewhere = () => element("p", { class: "elsewhere" }, ...[["MLflow", links().mlflow], ["Grafana", links().grafana], ["Swagger", links().docs], ["Metrics", "/metrics"]]
  .filter(([, href]) => href).map(([name, href]) => element("a", { class: "button", href, rel: "noopener", target: href.startsWith("/") ? null : "_blank" }, name)));

const needsKey = (error) => element("section", { class: "panel needs-key" },
  element("h2", {}, "The rest needs an admin key"),
  element("p", {}, "Releases with promotion and rollback, acceptance, experiments, the watchdog's decisions, retraining and how far the consumer is."),
  error.status === 403 || api.hasKey() ? element("p", { class: "quiet" }, error.message) : null,
  element("button", { type: "button", class: "primary", onclick: () => askForKey() }, "Enter a key"));

// One section that loads by itself and can be tried again by itself.
function section(title, draw, alive) {
  const body = element("div", {}, waiting());
  const run = async () => {
    try {
      const nodes = await draw(run);
      if (alive()) body.replaceChildren(...[nodes].flat().filter(Boolean));
    } catch (error) {
      if (alive()) body.replaceChildren(failed(error, run));
    }
  };
  return { node: element("section", { class: "panel" }, element("h2", {}, title), body), run };
}

export async function operate(main, _, alive) {
  await styled("details");
  const [checks, version, rest] = [element("ul", { class: "checks" }), element("div"), element("div", { class: "operate-rest" }, waiting())];
  main.replaceChildren(element("div", { class: "lead" }, element("h1", {}, "Operate"), elsewhere()), checks, version, rest);

  const drawHealth = async () => {
    try {
      const report = await api.health();
      if (alive()) checks.replaceChildren(...Object.entries(report.checks).map(check));
    } catch (error) {
      if (alive()) checks.replaceChildren(element("li", {}, failed(error, drawHealth)));
    }
  };
  const drawRest = async () => {
    try {
      const now = await api.admin("status");
      if (!alive()) return;
      const act = async (path, body, done) => {
        await api.admin(path, { method: "POST", body });
        say(done, "good");
      };
      const sections = [
        section("In the background", (again) => status(now, act, again), alive), section("Acceptance", acceptance, alive),
        section("Releases", (again) => releases(act, again), alive), section("Experiments", (again) => experiments(act, again), alive), section("The watchdog's decisions", decisions, alive),
      ];
      rest.replaceChildren(...sections.map((one) => one.node), forget());
      await Promise.all(sections.map((one) => one.run()));
    } catch (error) {
      if (!alive()) return;
      rest.replaceChildren(error instanceof api.KeyNeeded ? needsKey(error) : failed(error, drawRest));
    }
  };
  const forget = () => element("button", { type: "button", hidden: !api.hasKey(), onclick: () => { api.useKey(""); drawRest(); } }, "Forget the key");
  await Promise.all([drawHealth(), api.version().then((found) => alive() && version.replaceChildren(versionFacts(found))).catch(() => {}), drawRest()]);
  const timer = setInterval(drawHealth, EVERY);
  return () => clearInterval(timer);
}
