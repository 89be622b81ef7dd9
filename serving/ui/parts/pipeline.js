// The trace of a list as a picture: one line from the catalogue to the page, thick where much flows. What filters drop leaves
// it, the sources run beside each other, and each stage has its milliseconds.

import { element, svg } from "../dom.js";
import { capital, plural, words } from "../words.js";
import { fitsWide, wide } from "./pipelinewide.js";
import { wrapped } from "./svgtext.js";

const PARTS = {
  online_store: "What is known of the user", eligible: "May be shown", seen: "Not seen yet",
  two_tower: "Near this taste (two towers)", transitions: "What people take up next", ease: "Liked together",
  popular_segment: "Popular with similar people", popular: "Popular now", new_items: "New",
  candidate_features: "Described by their features", log_impressions: "Written to the log",
};
const NAMES = { scorer: "Put in order by", selector: "Page drawn by" };
const [LINE, BESIDE] = [22, 62]; // where the line runs, and where text begins
const [TALL, SMALL] = [62, 46]; // of a stage, of a source

export function partName(stage) {
  const name = stage.part.replaceAll("_", " ");
  return PARTS[stage.part] ?? (NAMES[stage.stage] ? `${NAMES[stage.stage]} ${name}` : capital(name));
}

const amount = (stage) => (stage.stage === "features" ? plural(stage.returned, "event") : plural(stage.returned, words().item, words().items));
const outcome = (stage) => stage.error ?? [amount(stage), stage.dropped && stage.stage !== "selector" ? `${stage.dropped.toLocaleString("en")} dropped` : "", stage.note].filter(Boolean).join(", ");
const took = (stage) => `${stage.milliseconds.toFixed(stage.milliseconds < 10 ? 1 : 0)} ms`;
const thick = (count) => 3 + 4.4 * Math.log10(1 + count); // px

// Places the stages from top to bottom; sources stand together.
function placed(stages) {
  let y = 30;
  const rows = [];
  let flow = stages.find((stage) => stage.stage === "filter")?.returned ?? 0;
  for (const stage of stages) {
    const source = stage.stage === "source";
    rows.push({ stage, y, before: flow });
    if (!source && stage.stage !== "features") flow = stage.returned;
    y += source ? SMALL : TALL;
  }
  const sources = rows.filter((row) => row.stage.stage === "source");
  return { rows, sources, height: y + 6 };
}

function line({ rows, sources }) {
  const trunk = rows.filter((row) => !["source", "features"].includes(row.stage.stage));
  const parts = [];
  for (let index = 1; index < trunk.length; index++) {
    const [from, to] = [trunk[index - 1], trunk[index]];
    const split = sources.length && from.y < sources[0].y && to.y > sources[0].y;
    parts.push(svg("path", { class: "flow", d: `M${LINE},${from.y} L${LINE},${to.y}`, "stroke-width": split ? 2 : thick(from.stage.returned) }));
    if (!split) continue;
    for (const { stage, y } of sources) { // each leaves the line and comes back with what it found
      const d = `M${LINE},${y - 21} C${LINE},${y - 8} ${LINE + 22},${y - 12} ${LINE + 22},${y} C${LINE + 22},${y + 12} ${LINE},${y + 8} ${LINE},${y + 21}`;
      parts.push(svg("path", { class: "flow branch", d, "stroke-width": stage.returned ? thick(stage.returned) * 0.6 : 1.2, "stroke-dasharray": stage.returned ? null : "3 4" }));
    }
  }
  return parts;
}

function drop({ stage, y }) {
  if (!stage.dropped || stage.stage !== "filter") return null;
  return svg("path", { class: "flow dropped", d: `M${LINE},${y - 26} C${LINE},${y - 6} 8,${y - 12} 4,${y + 6}`, "stroke-width": Math.max(2, thick(stage.dropped) * 0.6) });
}

function stageOf({ stage, y }, width, slowest, onList) {
  const source = stage.stage === "source";
  const [right, bar] = [width - 8, Math.max(2, (Math.min(170, width * 0.22) * stage.milliseconds) / slowest)];
  const narrow = width < 560;
  const given = source ? ` · ${onList.get(stage.part) ?? 0} on this list` : "";
  return svg("g", { class: `stage ${stage.stage}`, "data-failed": stage.error ? "yes" : null },
    svg("circle", { cx: source ? LINE + 22 : LINE, cy: y, r: source ? 5 : 8 }),
    svg("text", { x: BESIDE, y: y - 2, class: "stage-name" }, wrapped(partName(stage), (width - BESIDE) / 8, 1)[0]),
    svg("text", { x: BESIDE, y: y + 16, class: "stage-count" }, outcome(stage) + given + (narrow ? ` · ${took(stage)}` : "")),
    narrow ? null : svg("text", { x: right, y: y - 2, class: "stage-time", "text-anchor": "end" }, took(stage)),
    narrow ? null : svg("rect", { x: right - bar, y: y + 6, width: bar, height: 6, rx: 3 }));
}

// `list` has the trace; `width` in px; `explored(place)` and `titleOf(place)` say what there is to say of a place.
export function pipelinePicture(list, width, { explored, titleOf }) {
  const { stages, milliseconds } = list.trace;
  const onList = new Map();
  for (const place of list.recommendations) for (const name of place.found_by) onList.set(name, (onList.get(name) ?? 0) + 1);
  const all = stages.find((stage) => stage.stage === "filter")?.returned ?? 0;
  const label = `From ${plural(all, words().item, words().items)} to ${list.recommendations.length} in ${milliseconds.toFixed(0)} milliseconds, stage by stage; the table below says the same.`;
  const { height, parts } = fitsWide(stages, width)
    ? wide(stages, width, { onList, slots: list.recommendations.map((place) => ({ explored: explored(place), title: titleOf(place) })),
      text: (stage) => ({ name: partName(stage), count: stage.error ?? amount(stage), time: took(stage) }) })
    : tall(stages, width, onList);
  return svg("svg", { class: "pipeline", role: "img", "aria-label": label, width, height, viewBox: `0 0 ${width} ${height}` }, ...parts);
}

function tall(stages, width, onList) {
  const layout = placed(stages);
  const slowest = Math.max(...stages.map((stage) => stage.milliseconds), 0.001);
  return { height: layout.height, parts: [...line(layout), ...layout.rows.map(drop).filter(Boolean), ...layout.rows.map((row) => stageOf(row, width, slowest, onList))] };
}

export function pipelineTable(list) {
  const head = ["Stage", "Part", "Returned", "Dropped", "Milliseconds", "Note"];
  const rows = list.trace.stages.map((stage) => [stage.stage.replaceAll("_", " "), stage.part, stage.returned, stage.dropped, stage.milliseconds.toFixed(2), stage.error ?? stage.note ?? ""]);
  return table(head, rows);
}

// A table that scrolls inside its own box on a narrow page.
export function table(head, rows, label = "Table") {
  return element("div", { class: "table-box", tabindex: "0", role: "region", "aria-label": label }, element("table", {}, element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell)))))));
}
