// The picture of an item: its poster where the API has one, otherwise one that is drawn from its title and one of its first genres.
// The same item always gets the same picture.

import { bdi, element, svg } from "./dom.js";
import { MOTIFS } from "./motifs.js";
import { nameOf, readable } from "./words.js";

const PALETTES = { // ground, shape, accent, light; titles are set in the light one, or in the dark one on a light ground
  harbour: ["#1b2a41", "#38546f", "#e8835f", "#f4f1de"], plum: ["#2b1d3a", "#623f7a", "#ee6a7c", "#ffe3c2"],
  lagoon: ["#0f3d3e", "#237574", "#f2a541", "#f6f0d8"], oxblood: ["#641a1c", "#a8382e", "#f5c25b", "#fff1d6"],
  ice: ["#1d1d2b", "#41446b", "#8fd3ff", "#eef6ff"], forest: ["#1f3a1f", "#4b7a3a", "#f0d35b", "#f7f5df"],
  ember: ["#8c2a12", "#d9632b", "#ffcf5c", "#fff4e0"], noir: ["#1a1a21", "#3d3d49", "#d7263d", "#f5f5f5"],
  neon: ["#2a0f7a", "#6a1bb0", "#4cc9f0", "#ffffff"], ocean: ["#023047", "#1f7f9c", "#ffb703", "#ffffff"],
  rose: ["#4a1730", "#93405f", "#f29aa9", "#ffeef0"], desert: ["#4a2f1c", "#9c6a3a", "#e9a24b", "#fbeacb"],
  lemon: ["#f4c752", "#f08a4b", "#7a3b5e", "#33183a"], sky: ["#cfe3e6", "#79b6c4", "#cc4457", "#1d3239"],
  blush: ["#f3dadd", "#e58fa1", "#93305a", "#45142e"], sand: ["#e0d0b2", "#bd9a64", "#9a3a20", "#33201a"],
};
const STYLES = { // the palettes and drawings of a genre
  Action: [["ember", "noir", "ocean", "lagoon"], ["slashes", "chevrons", "road", "skyline"]], Adventure: [["lagoon", "desert", "sky", "forest"], ["hills", "road", "rays", "waves"]],
  Animation: [["lemon", "sky", "neon", "blush"], ["toys", "quarters", "petals"]], Children: [["sky", "lemon", "blush"], ["toys", "hills", "petals"]],
  Comedy: [["lemon", "sky", "blush", "lagoon", "ember"], ["quarters", "toys", "waves", "petals", "chevrons"]], Crime: [["noir", "oxblood", "harbour"], ["blinds", "steps", "skyline"]],
  Documentary: [["forest", "sand", "harbour"], ["frames", "bars", "hills"]], Drama: [["harbour", "plum", "sand", "lagoon", "rose"], ["pair", "steps", "frames", "waves", "skyline", "petals"]],
  Fantasy: [["neon", "plum", "ice"], ["moon", "planet", "petals"]], "Film-Noir": [["noir", "ice"], ["blinds", "steps", "skyline"]],
  Horror: [["noir", "oxblood", "plum"], ["teeth", "moon"]], IMAX: [["ocean", "ice"], ["planet", "hills"]],
  Musical: [["rose", "neon", "lemon"], ["bars", "waves"]], Mystery: [["plum", "ice", "forest"], ["rings", "blinds", "moon"]],
  Romance: [["blush", "rose", "plum"], ["pair", "waves", "petals"]], "Sci-Fi": [["ice", "neon", "ocean"], ["planet", "rings", "chevrons"]],
  Thriller: [["oxblood", "ice", "noir"], ["rings", "slashes", "skyline"]], War: [["forest", "desert", "oxblood"], ["rays", "slashes", "chevrons"]],
  Western: [["desert", "sand", "ember"], ["rays", "hills", "road"]],
};
const ALL = [Object.keys(PALETTES), ["quarters", "pair", "rings", "waves", "frames", "petals", "steps", "bars", "chevrons", "toys"]];

function hashed(text) {
  let hash = 2166136261;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 16777619);
  return hash >>> 0;
}

// Numbers in [0, 1) that follow from the seed (mulberry32).
function sequence(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const pick = (options, next) => options[Math.floor(next() * options.length)];

// Categories that are no film genre get two palettes of their own each, so that they can be told apart.
function styleOf(genre) {
  if (!genre) return ALL;
  if (STYLES[genre]) return STYLES[genre];
  const first = hashed(genre);
  return [[ALL[0][first % 16], ALL[0][(first >>> 8) % 16]], ALL[1]];
}

const TITLE_HEIGHT = 50; // percent of the picture's width

// The size of a title, as a share of the picture's width: small enough for its longest word and for all of its words.
function titleSize(name) {
  const longest = Math.max(...name.split(/[\s-]+/).map((word) => [...word].length), 1);
  return Math.min(15, 150 / longest, 62 / Math.sqrt([...name].length));
}

function drawn(thing) {
  const name = nameOf(thing);
  const title = readable(thing.title)[0].trim() || String(thing.item_id);
  const next = sequence(hashed(`${thing.item_id}|${name}`));
  const [palettes, motifs] = styleOf(pick((thing.genres ?? []).slice(0, 3), next));
  const ink = PALETTES[pick(palettes, next)];
  const low = next() < 0.4; // where the title stands
  const shapes = MOTIFS[pick(motifs, next)](ink, next);
  const size = Math.max(6.2, titleSize(title));
  const words = element("span", { class: "art-title" }, bdi(title, { style: { "--size": size.toFixed(2), "--lines": Math.min(6, Math.floor(TITLE_HEIGHT / size)) } }));
  return element("div", { class: "art drawn", "aria-hidden": "true", data: { title: low ? "low" : "high" }, style: { "--art-ground": ink[0], "--art-ink": ink[3], "--art-accent": ink[2] } },
    svg("svg", { viewBox: "0 0 200 200", preserveAspectRatio: "xMidYMid slice" }, svg("rect", { width: 200, height: 200, fill: ink[0] }), ...shapes), words);
}

export function art(thing) {
  if (!thing.poster) return drawn(thing);
  const image = element("img", { class: "art", src: thing.poster, alt: "", loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
  image.addEventListener("error", () => image.replaceWith(drawn(thing)), { once: true });
  return image;
}
