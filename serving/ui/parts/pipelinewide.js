// The trace from left to right, for wide pages: what may be shown, the sources beside each other, and the places of the page.

import { svg } from "../dom.js";
import { wrapped } from "./svgtext.js";

const [MIDDLE, HEAD] = [250, 70]; // where the flow runs; how tall the texts above it are
const [SOURCES, SPACE] = [356, 58]; // width of the column of sources, height of one
const tall = (count) => 4 + 15 * Math.log10(1 + count); // px

// A ribbon from (x, y) with height a to (to, end) with height b.
function ribbon(x, y, a, to, end, b, name) {
  const middle = (x + to) / 2;
  const d = `M${x},${y - a / 2} C${middle},${y - a / 2} ${middle},${end - b / 2} ${to},${end - b / 2} L${to},${end + b / 2} C${middle},${end + b / 2} ${middle},${y + a / 2} ${x},${y + a / 2} Z`;
  return svg("path", { class: `ribbon ${name}`, d });
}

function columns(stages, width) {
  const before = stages.filter((stage) => stage.stage === "filter");
  const after = stages.filter((stage) => !["filter", "source", "features", "side_effect"].includes(stage.stage));
  const each = (width - SOURCES - 20) / (before.length + after.length + 1);
  return { before, after, each, sources: stages.filter((stage) => stage.stage === "source"), features: stages.filter((stage) => stage.stage === "features") };
}

export const fitsWide = (stages, width) => width >= 760 && columns(stages, width).each >= 112;

// `text(stage)` gives { name, count, time }; `slots` are the places: { explored, title }.
export function wide(stages, width, { text, slots, onList }) {
  const { before, after, each, sources, features } = columns(stages, width);
  const height = Math.max(MIDDLE + 110, MIDDLE + (sources.length * SPACE) / 2 + 40);
  const parts = [];
  const head = (stage, x, space = each - 12) => {
    const { name, count, time } = text(stage);
    const lines = wrapped(name, space / 8.4);
    parts.push(svg("g", { class: `stage ${stage.stage}`, "data-failed": stage.error ? "yes" : null },
      ...lines.map((line, index) => svg("text", { class: "stage-name", x, y: 20 + index * 17 }, line)),
      svg("text", { class: "stage-count", x, y: 22 + lines.length * 17 }, count), svg("text", { class: "stage-time", x, y: 39 + lines.length * 17 }, time)));
  };
  let x = 10;
  let high = 0;
  for (const stage of before) {
    head(stage, x);
    const now = tall(stage.returned);
    parts.push(ribbon(x, MIDDLE, high || now, x + each, MIDDLE, now, "trunk"));
    if (stage.dropped) parts.push(svg("path", { class: "ribbon dropped", d: `M${x},${MIDDLE + high / 2} q34,4 40,52 l-14,0 q-4,-34 -26,-40 Z` }), svg("text", { class: "stage-count", x: x + 2, y: MIDDLE + high / 2 + 72 }, `−${stage.dropped.toLocaleString("en")}`));
    [x, high] = [x + each, now];
  }
  const top = MIDDLE - ((sources.length - 1) * SPACE) / 2 + 26;
  const node = x + 62;
  const end = x + SOURCES;
  const total = after[0]?.returned ?? 0;
  const share = (height, index) => ((index + 0.5) / sources.length - 0.5) * height; // each source leaves and enters at a part of the trunk
  for (const stage of features) { const { name, count, time } = text(stage); parts.push(svg("text", { class: "stage-name", x: node, y: 20 }, name), svg("text", { class: "stage-count", x: node, y: 39 }, `${count} · ${time}`)); }
  sources.forEach((stage, index) => {
    const y = top + index * SPACE;
    const thin = stage.returned ? tall(stage.returned) * 0.4 : 1;
    const { name, count, time } = text(stage);
    parts.push(ribbon(x, MIDDLE + share(high, index), high / sources.length, node, y, thin, "source"), svg("g", { class: "stage source", "data-failed": stage.error ? "yes" : null },
      svg("rect", { x: node, y: y - thin / 2, width: end - node - 62, height: thin }),
      svg("text", { class: "stage-name", x: node, y: y - thin / 2 - 6 }, name),
      svg("text", { class: "stage-count", x: node, y: y + thin / 2 + 15 }, `${count} · ${onList.get(stage.part) ?? 0} on this list · ${time}`)),
    ribbon(end - 62, y, thin, end, MIDDLE + share(tall(total), index), stage.returned ? tall(total) / sources.length : 1, "source"));
  });
  [x, high] = [end, tall(total)];
  for (const stage of after) {
    head(stage, x + 6);
    const now = tall(stage.returned);
    parts.push(ribbon(x, MIDDLE, high, x + each, MIDDLE, now, "trunk"));
    [x, high] = [x + each, now];
  }
  const explored = slots.filter((slot) => slot.explored).length;
  parts.push(svg("text", { class: "stage-name", x: x + 8, y: 20 }, "The page"), svg("text", { class: "stage-count", x: x + 8, y: 39 }, [`${slots.length} places`, explored && `${explored} explored`].filter(Boolean).join(", ")));
  const across = Math.max(1, Math.floor((each - 10) / 24));
  const rows = Math.ceil(slots.length / across);
  slots.forEach((slot, index) => parts.push(svg("rect", { class: slot.explored ? "slot explored" : "slot", rx: 4, width: 19, height: 19, x: x + 8 + (index % across) * 24, y: MIDDLE - rows * 12 + Math.floor(index / across) * 24 }, svg("title", {}, slot.title))));
  parts.push(...timeStrip(stages, width, height + 22, text));
  return { height: height + 56, parts };
}

// Where the time went: one bar, a part for each stage as long as it took.
function timeStrip(stages, width, y, text) {
  const total = stages.reduce((sum, stage) => sum + stage.milliseconds, 0) || 1;
  const space = width - 20;
  let x = 10;
  return [svg("text", { class: "stage-count", x, y: y - 9 }, "Where the time went"), ...stages.flatMap((stage) => {
    const long = (space * stage.milliseconds) / total;
    const [start, { name, time }] = [x, text(stage)];
    x += long;
    if (long < 1) return [];
    return [svg("rect", { class: `strip ${stage.stage}`, x: start, y, width: Math.max(1, long - 2), height: 24, rx: 3 }, svg("title", {}, `${name}: ${time}`)),
      long > 70 ? svg("text", { class: "strip-text", x: start + 7, y: y + 17 }, wrapped(name, (long - 14) / 7, 1)[0]) : null];
  })];
}
