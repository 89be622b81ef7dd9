// The drawings of posters that nobody made: each fills a square of 200 with flat shapes in the colours of a palette.
// `ink` is [ground, shape, accent, light]; `next` gives the next of a sequence of numbers in [0, 1) that the title decides.

import { svg } from "./dom.js";

const circle = (cx, cy, r, fill, more = {}) => svg("circle", { cx, cy, r, fill, ...more });
const rect = (x, y, width, height, fill, more = {}) => svg("rect", { x, y, width, height, fill, ...more });
const path = (d, fill, more = {}) => svg("path", { d, fill, ...more });
const times = (count, make) => Array.from({ length: count }, (_, index) => make(index));
const between = (next, low, high) => low + next() * (high - low);

function hills(ink, next) {
  const ridge = (top, fill) => {
    const points = times(6, (step) => `${step * 40},${top + between(next, -22, 22)}`);
    return path(`M0,200 L${points.join(" L")} L200,200 Z`, fill);
  };
  return [circle(between(next, 50, 150), 70, between(next, 30, 44), ink[2]), ridge(104, ink[1]),
    ridge(136, ink[3]), ridge(166, ink[0])].map((shape, index) => (index === 2 && shape.setAttribute("opacity", ".35"), shape));
}

function slashes(ink, next) {
  const lean = between(next, 50, 90);
  return times(5, (index) => {
    const x = index * 46 - 60 + between(next, -8, 8);
    const width = between(next, 12, 38);
    return path(`M${x},200 L${x + lean},0 L${x + lean + width},0 L${x + width},200 Z`, [ink[1], ink[2], ink[1], ink[3], ink[2]][index]);
  });
}

function blinds(ink, next) {
  const light = circle(between(next, 70, 130), between(next, 80, 110), 62, ink[2]);
  return [light, ...times(9, (index) => rect(0, 8 + index * 22, 200, 12, ink[index % 4 === 1 ? 1 : 0]))];
}

function rings(ink, next) {
  const [dx, dy] = [between(next, -7, 7), between(next, -7, 7)];
  return times(8, (index) => circle(100 + dx * index, 100 + dy * index, 112 - index * 14, ink[[1, 0, 2, 0, 1, 0, 3, 2][index]]));
}

function planet(ink, next) {
  const stars = times(16, () => circle(next() * 200, next() * 200, between(next, 0.7, 2), ink[3]));
  const [x, y, r] = [between(next, 80, 120), between(next, 85, 115), between(next, 42, 58)];
  const ring = { fill: "none", stroke: ink[3], "stroke-width": 5, transform: `rotate(${between(next, -32, -12)} ${x} ${y})` };
  return [...stars, circle(x, y, r, ink[2]), path(`M${x - r},${y} a${r},${r} 0 0 0 ${2 * r},0 Z`, ink[1]),
    svg("ellipse", { cx: x, cy: y, rx: r * 1.7, ry: r * 0.36, ...ring })];
}

function teeth(ink, next) {
  const row = (base, fill, up) => path(`M0,${base} ${times(9, (index) =>
    `L${index * 25},${index % 2 ? base + up * between(next, 50, 82) : base + up * 14}`).join(" ")} L200,${base} Z`, fill);
  return [circle(100, 96, between(next, 40, 54), ink[2]), row(0, ink[1], 1), row(200, ink[3], -1)];
}

function quarters(ink, next) {
  return times(9, (index) => {
    const [x, y] = [(index % 3) * 66.7, Math.floor(index / 3) * 66.7];
    const turn = Math.floor(next() * 4) * 90;
    const colour = ink[1 + Math.floor(next() * 3)];
    const whole = next() < 0.2;
    return whole ? circle(x + 33.3, y + 33.3, 22, colour)
      : path(`M${x - 0.3},${y - 0.3} h67.3 a67.3,67.3 0 0 1 -67.3,67.3 Z`, colour, { transform: `rotate(${turn} ${x + 33.35} ${y + 33.35})` });
  });
}

function toys(ink, next) {
  return times(14, (index) => {
    const [x, y, size] = [next() * 200, next() * 200, between(next, 9, 28)];
    const colour = ink[1 + (index % 3)];
    return index % 3 ? circle(x, y, size, colour) : rect(x - size, y - size, size * 1.8, size * 1.8, colour, { rx: 7, transform: `rotate(${next() * 90} ${x} ${y})` });
  });
}

function pair(ink, next) {
  const apart = between(next, 24, 40);
  const tilt = { transform: `rotate(${between(next, -40, 40)} 100 100)` };
  return [svg("g", tilt, circle(100 - apart, 100, 58, ink[2]), circle(100 + apart, 100, 58, ink[1], { opacity: 0.88 }),
    path(`M100,${100 - Math.sqrt(58 ** 2 - apart ** 2)} A58,58 0 0 1 100,${100 + Math.sqrt(58 ** 2 - apart ** 2)} A58,58 0 0 1 100,${100 - Math.sqrt(58 ** 2 - apart ** 2)} Z`, ink[3]))];
}

function bars(ink, next) {
  return times(11, (index) => {
    const height = between(next, 30, 150);
    return rect(8 + index * 17, 100 - height / 2, 10, height, ink[1 + (index % 3)], { rx: 5 });
  });
}

function rays(ink, next) {
  const y = between(next, 120, 165);
  const beams = times(11, (index) => {
    const [from, to] = [(index * 2 * Math.PI) / 22, ((index * 2 + 1) * Math.PI) / 22];
    const spot = (angle) => `${100 - 300 * Math.cos(angle)},${y - 300 * Math.sin(angle)}`;
    return path(`M100,${y} L${spot(from)} L${spot(to)} Z`, ink[1]);
  });
  return [...beams, circle(100, y, between(next, 34, 48), ink[2]), rect(0, y, 200, 16, ink[3], { opacity: 0.9 }), rect(0, y + 15.5, 200, 190, ink[0])];
}

function moon(ink, next) {
  const [x, y] = [between(next, 60, 140), between(next, 52, 80)];
  const stars = times(12, () => circle(next() * 200, next() * 130, between(next, 0.8, 2.4), ink[3]));
  const peak = (fill) => { const top = between(next, 30, 170); return path(`M${top - 80},200 L${top},${between(next, 96, 130)} L${top + 80},200 Z`, fill); };
  return [...stars, circle(x, y, 36, ink[2]), circle(x + 15, y - 8, 31, ink[0]), peak(ink[1]), peak(ink[1]), peak(ink[3])];
}

function frames(ink, next) {
  return times(5, (index) => {
    const inset = index * 19;
    const drift = between(next, -5, 5);
    return rect(inset + drift, inset, 200 - 2 * inset, 200 - 2 * inset, ink[[1, 0, 2, 0, 3][index]]);
  });
}

function steps(ink, next) {
  const wide = between(next, 26, 36);
  const stairs = times(6, (index) => rect(index * wide, 180 - index * 26, wide + 1, 20 + index * 26, ink[index % 2 ? 1 : 0]));
  return [circle(between(next, 40, 90), between(next, 50, 80), between(next, 26, 40), ink[2]),
    path(`M${200},0 L${between(next, 60, 110)},200 L200,200 Z`, ink[3], { opacity: 0.25 }), ...stairs];
}

function waves(ink, next) {
  return times(7, (index) => {
    const [y, high] = [34 + index * 26, between(next, 8, 18)];
    return path(`M-10,${y} q30,${-high} 60,0 t60,0 t60,0 t60,0 V210 H-10 Z`, ink[[2, 1, 0, 3, 1, 2, 0][index]]);
  });
}

function chevrons(ink, next) {
  const [wide, drop] = [between(next, 20, 34), between(next, 40, 80)];
  return times(6, (index) => {
    const y = index * 40 - 50;
    return path(`M0,${y} L100,${y + drop} L200,${y} L200,${y + wide} L100,${y + drop + wide} L0,${y + wide} Z`, ink[[1, 2, 1, 3, 1, 2][index]]);
  });
}

function skyline(ink, next) {
  const houses = (low, high, fill) => times(7, (index) => {
    const height = between(next, low, high);
    return rect(index * 30 - 5, 200 - height, 26 + next() * 6, height + 4, fill);
  });
  const windows = times(16, () => rect(8 + Math.floor(next() * 18) * 10, 120 + Math.floor(next() * 7) * 11, 4, 5, ink[3], { opacity: 0.8 }));
  return [circle(between(next, 50, 150), between(next, 50, 80), between(next, 28, 40), ink[2]), ...houses(60, 150, ink[1]), ...windows, ...houses(20, 66, ink[0])];
}

function road(ink, next) {
  const [top, x] = [between(next, 84, 110), between(next, 80, 120)];
  const marks = times(5, (index) => {
    const [near, far] = [((index + 0.55) / 5) ** 2, (index / 5) ** 2];
    const [y, to] = [top + far * (200 - top), top + near * (200 - top)];
    return path(`M${x - 1 - 7 * far},${y} h${2 + 14 * far} L${x + 1 + 7 * near},${to} h${-2 - 14 * near} Z`, ink[3]);
  });
  return [circle(x, top, between(next, 40, 56), ink[2]), rect(0, top, 200, 204 - top, ink[1]),
    path(`M${x - 2},${top} h4 L${x + 78},204 h-156 Z`, ink[0]), ...marks];
}

function petals(ink, next) {
  const count = 5 + Math.floor(next() * 5);
  const [x, y] = [between(next, 85, 115), between(next, 90, 110)];
  const long = between(next, 74, 92);
  return [...times(count, (index) => svg("ellipse", { cx: x, cy: y - long / 2, rx: long / 4.2, ry: long / 2, fill: ink[index % 2 ? 1 : 2], opacity: 0.92, transform: `rotate(${(360 / count) * index} ${x} ${y})` })),
    circle(x, y, 19, ink[3])];
}

export const MOTIFS = { chevrons, skyline, road, petals, hills, slashes, blinds, rings, planet, teeth, quarters, toys, pair, bars, rays, moon, frames, steps, waves };
