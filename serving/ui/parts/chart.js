// A rate over days with its interval, as a picture and, for those who do not see it, in words.

import { svg } from "../dom.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [44, 12, 14, 28];
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

function ticks(high) {
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25].find((one) => high / one <= 5) ?? 0.5;
  return Array.from({ length: Math.floor(high / step + 1e-9) + 1 }, (_, index) => index * step);
}

// `days`: [{ day, shown, accepted, rate, low, high }], oldest first.
export function rateChart(days, width, height = 240) {
  const top = Math.min(1, Math.max(0.05, ...days.map((day) => day.high)) * 1.08);
  const x = (index) => LEFT + (days.length < 2 ? 0.5 : index / (days.length - 1)) * (width - LEFT - RIGHT);
  const y = (rate) => height - BOTTOM - (rate / top) * (height - TOP - BOTTOM);
  const points = (key) => days.map((day, index) => `${x(index).toFixed(1)},${y(day[key]).toFixed(1)}`);
  const labelled = days.length <= 1 ? [0] : [0, Math.floor((days.length - 1) / 2), days.length - 1];
  const [first, last] = [days[0], days.at(-1)];
  return svg("svg", { class: "chart", role: "img", width, height, viewBox: `0 0 ${width} ${height}`,
    "aria-label": `Acceptance from ${first.day} to ${last.day}: ${percent(first.rate)} at first, ${percent(last.rate)} at last, between ${percent(last.low)} and ${percent(last.high)} with 95 % confidence.` },
  ...ticks(top).map((rate) => svg("g", { class: "tick" }, svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(rate), y2: y(rate) }), svg("text", { x: LEFT - 8, y: y(rate) + 4, "text-anchor": "end" }, percent(rate)))),
  days.length > 1 ? svg("path", { class: "interval", d: `M${points("high").join(" L")} L${points("low").reverse().join(" L")} Z` }) : null,
  days.length > 1 ? svg("path", { class: "rate", d: `M${points("rate").join(" L")}` }) : null,
  ...days.map((day, index) => svg("g", {}, svg("line", { class: "whisker", x1: x(index), x2: x(index), y1: y(day.low), y2: y(day.high) }),
    svg("circle", { class: "rate-dot", cx: x(index), cy: y(day.rate), r: 3.5 }, svg("title", {}, `${day.day}: ${day.accepted} of ${day.shown} lists, ${percent(day.rate)} (${percent(day.low)} to ${percent(day.high)})`)))),
  ...labelled.map((index) => svg("text", { class: "day", x: x(index), y: height - 6, "text-anchor": days.length < 2 ? "middle" : index === 0 ? "start" : index === days.length - 1 ? "end" : "middle" }, days[index].day)));
}
