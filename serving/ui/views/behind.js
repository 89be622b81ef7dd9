// Behind a list: what each stage of the pipeline did for the very list that the user saw, and where each place came from.

import * as api from "../api.js";
import { bdi, element } from "../dom.js";
import { link } from "../parts/card.js";
import { askForKey } from "../parts/keys.js";
import { pipelinePicture, pipelineTable, table } from "../parts/pipeline.js";
import { waiting } from "../parts/states.js";
import { styled } from "../parts/styled.js";
import { keepList, lastList } from "../session.js";
import { nameOf, plural, words } from "../words.js";

const SIZE = 12;

const facts = (list) => element("dl", { class: "facts-list" }, ...[
  ["Release", list.model_version], ["Arm", list.arm], ["Policy", list.policy], ["Strategy", list.strategy.replaceAll("_", " ")],
  ["In the service", `${list.trace.milliseconds.toFixed(1)} ms`], ["Request", list.request_id],
].map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, bdi(value)))));

const explored = (place, record) => record?.explored ?? place.reasons.some((reason) => reason.code === "explored");

function places(list, records) {
  const head = ["Place", words().item, "Found by", "Score", "Explored", ...(records ? ["Propensity"] : [])];
  return table(head, list.recommendations.map((place, index) => {
    const record = records?.find((one) => String(one.item_id) === String(place.item_id));
    return [index + 1, element("a", { href: link(place) }, bdi(nameOf(place))), place.found_by.map((name) => name.replaceAll("_", " ")).join(", ") || "fills the page",
      place.score.toFixed(3), explored(place, record) ? "yes" : "", ...(records ? [record ? record.propensity.toPrecision(3) : ""] : [])];
  }), "The places of the list");
}

// The propensities are in the log, which needs a key; a list is on record some seconds after it was shown.
async function propensities(list, box, draw) {
  const ask = (text, label, run) => box.replaceChildren(element("p", { class: "quiet" }, text, " ", element("button", { type: "button", onclick: run }, label)));
  if (!api.hasKey()) return ask("With which probability exploration put each item here is in the log, and needs an admin key.", "Enter a key", () => askForKey());
  try {
    const found = await api.provenance(list.request_id);
    const again = found.drawn_again;
    draw(found.items);
    box.replaceChildren(element("p", { class: "quiet" }, again.identical ? "Drawn again from the log: every item, score and propensity came out the same." : [...again.differences, ...again.unchecked].join("; ") || "On record."));
  } catch (error) {
    ask(error.status === 404 ? "The list is not on record yet; that takes some seconds." : error.message, "Look again", () => propensities(list, box, draw));
  }
  return null;
}

export async function behind(main, { user }, alive) {
  main.replaceChildren(waiting());
  const [list] = await Promise.all([lastList(user) ?? api.recommended(user, SIZE), styled("details")]);
  if (!alive()) return null;
  keepList(user, list);
  const picture = element("div", { class: "panel picture" });
  const [rows, notes] = [element("div"), element("div")];
  let width = 0;
  let records = null;
  const recordOf = (place) => records?.find((one) => String(one.item_id) === String(place.item_id));
  const paint = () => width && picture.replaceChildren(pipelinePicture(list, width, {
    explored: (place) => explored(place, recordOf(place)),
    titleOf: (place) => `${nameOf(place)}${recordOf(place) ? `, propensity ${recordOf(place).propensity.toPrecision(3)}` : ""}`,
  }));
  const draw = (found) => {
    records = found;
    rows.replaceChildren(places(list, records));
    paint();
  };
  main.replaceChildren(
    element("div", { class: "lead" }, element("h1", {}, "Behind the list of ", bdi(`user ${user}`)),
      element("p", { class: "past" }, `${plural(list.recommendations.length, "place")} in ${list.trace.milliseconds.toFixed(0)} ms. Widths follow the logarithm of how many ${words().items} pass.`),
      list.trace.emptied_by ? element("p", { class: "hint" }, `The filter ${list.trace.emptied_by} left nothing.`) : null,
      element("a", { href: `#/user/${encodeURIComponent(user)}` }, "Back to the list")),
    picture, facts(list), element("section", { class: "shelf" }, element("h2", {}, "Where each place came from"), notes, rows),
    element("details", {}, element("summary", {}, "The stages as a table"), pipelineTable(list)));
  draw(null);
  propensities(list, notes, draw);
  const fit = new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now !== width) {
      width = now;
      paint();
    }
  });
  fit.observe(picture);
  return () => fit.disconnect();
}
