// All items as a map: what is taken up by the same people lies close together, and the user walks through it.

import * as api from "../api.js";
import { at, bdi, element } from "../dom.js";
import { link } from "../parts/card.js";
import { MapCanvas } from "../parts/mapcanvas.js";
import { waiting } from "../parts/states.js";
import { styled } from "../parts/styled.js";
import { currentUser } from "../session.js";
import { ago, capital, nameOf, plural, words, yearOf } from "../words.js";

const COLOURS = ["#e4572e", "#3f8fd6", "#2fa36b", "#c99a14", "#9a6be0", "#e0559a", "#1aa3a3", "#b5651d", "#6f8f1f", "#7080ff", "#c2405a"];
const REST = "#8b8f99";
const AROUND = 10; // items named around the user
const PAUSE = 70; // milliseconds before an item under the pointer is asked for
const known = new Map();

function named(id) {
  if (!known.has(id)) known.set(id, api.item(id).catch(() => ({ item_id: id, title: "", genres: [] })));
  return known.get(id);
}

// The most frequent genres get a colour each, the others share one; `genre` becomes an index into them.
function coloured(found) {
  const counts = found.genres.map((name, index) => ({ name, index, count: 0 }));
  let without = 0;
  for (const genre of found.genre) if (genre < 0) without++; else counts[genre].count++;
  const ranked = counts.filter((one) => one.count).sort((a, b) => b.count - a.count);
  const shown = ranked.slice(0, COLOURS.length);
  const rest = ranked.slice(COLOURS.length).reduce((sum, one) => sum + one.count, 0) + without;
  const slot = new Map(shown.map((one, index) => [one.index, index]));
  const legend = [...shown.map((one, index) => ({ ...one, colour: COLOURS[index] })), { name: shown.length ? "Others" : capital(words().items), count: rest, colour: shown.length ? REST : COLOURS[1] }];
  return { legend, data: { ...found, genre: found.genre.map((index) => slot.get(index) ?? legend.length - 1) } };
}

function nearest({ items, x, y }, [ux, uy], count) {
  return items.map((id, index) => [id, (x[index] - ux) ** 2 + (y[index] - uy) ** 2]).sort((a, b) => a[1] - b[1]).slice(0, count).map(([id]) => id);
}

async function around(data, place, user) {
  if (!place.now) return element("p", {}, `User ${user} has no place yet: rate or watch something, and come back.`);
  const found = await Promise.all(nearest(data, place.now, AROUND).map(named));
  const [first] = place.path;
  const walked = first ? `The path has ${plural(place.path.length, "place")}, one after each event since ${ago(first.ts)}.` : "";
  return [element("h2", {}, "Around ", bdi(`user ${user}`)), element("p", { class: "quiet" }, walked),
    element("ul", { class: "chips" }, ...found.map((item) => element("li", { class: "chip" }, element("a", { href: link(item) }, bdi(nameOf(item))), " ", element("span", { class: "quiet" }, yearOf(item)))))];
}

export async function map(main, _, alive) {
  const user = currentUser();
  main.replaceChildren(waiting("Drawing the map…"));
  const nowhere = { now: null, path: [] };
  const [found, place] = await Promise.all([api.map(), user ? api.placeOf(user).catch(() => nowhere) : nowhere, styled("details")]);
  if (!alive()) return null;
  const { legend, data } = coloured(found);
  const { items } = words();
  const canvas = element("canvas", { tabindex: "0", role: "img", "aria-label": `Map of ${plural(data.items.length, words().item, items)}. Arrow keys move it, plus and minus zoom. The ${items} around the user are listed below.` });
  const tip = element("div", { class: "map-tip", hidden: true });
  const near = element("section", { class: "shelf near" });

  let timer = 0;
  const pointed = (index, left, top) => {
    clearTimeout(timer);
    if (index < 0) return (tip.hidden = true);
    timer = setTimeout(async () => {
      const item = await named(data.items[index]);
      if (drawn.at !== index) return;
      tip.replaceChildren(bdi(nameOf(item)), ` ${yearOf(item)}`, item.genres?.length ? element("div", {}, item.genres.slice(0, 3).join(", ")) : "");
      tip.hidden = false;
      const [x, y] = [Math.min(left + 14, drawn.width - tip.offsetWidth - 6), Math.min(top + 14, drawn.height - tip.offsetHeight - 6)];
      tip.style.transform = `translate(${Math.max(6, x)}px, ${Math.max(6, y)}px)`;
    }, PAUSE);
    return null;
  };
  const button = (text, label, run) => element("button", { type: "button", "aria-label": label, title: label, onclick: run }, text);
  const entry = (one, index) => element("button", { type: "button", "aria-pressed": "false", onclick: (event) => {
    drawn.only = drawn.only === index ? -1 : index;
    for (const other of event.currentTarget.parentNode.children) other.setAttribute("aria-pressed", String(other === event.currentTarget && drawn.only >= 0));
    drawn.draw();
  } }, element("i", { style: { "--dot": one.colour } }), bdi(one.name), element("span", { class: "quiet" }, one.count.toLocaleString("en")));

  main.replaceChildren(
    element("div", { class: "lead" }, element("h1", {}, `The map of ${items}`), element("p", { class: "past" }, `What the same people like lies close together. ${capital(items)} are ${plural(data.items.length, "point")}; the line is the way of `, bdi(`user ${user}`), ".")),
    element("div", { class: "map-view" },
      element("div", { class: "map-box" }, canvas, tip, element("div", { class: "map-buttons" }, button("+", "Zoom in", () => drawn.zoom(1.6)), button("−", "Zoom out", () => drawn.zoom(1 / 1.6)),
        button("All", "Show everything", () => drawn.show(0, 0, 1)), place.now ? button("You", "Show where the user is", () => drawn.show(...place.now, 7)) : "")),
      element("div", { class: "legend", role: "group", "aria-label": capital(words().genres) }, ...legend.filter((one) => one.count).map(entry))),
    near);
  const drawn = new MapCanvas(canvas, data, legend.map((one) => one.colour), { pointed, chosen: (index, type) => {
    if (type === "mouse" || drawn.at === index) location.hash = link({ item_id: data.items[index] });
    else drawn.point(index, canvas.width / 4, 10);
  } });
  drawn.user = place;
  around(data, place, user).then((nodes) => alive() && near.replaceChildren(...[nodes].flat()));
  const repaint = () => drawn.draw();
  at("theme").addEventListener("click", repaint);
  return () => { drawn.end(); at("theme").removeEventListener("click", repaint); };
}
