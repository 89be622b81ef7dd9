// Brings a list of cards up to date without moving anything under a pointer or a focus: answered, hovered and focused cards
// keep their slots, the others flow around them, and each glides from where it stood to where it stands now.

import { calm } from "../dom.js";

const stays = (node) => node.dataset.answered || node.matches(":hover") || node.contains(document.activeElement);

// `places` in their new order; `make(place)` makes the card of one that was not there. Answers { fresh, moved }.
export function reflow(list, places, make) {
  const before = [...list.children];
  const slotOf = new Map(before.map((node, slot) => [node.dataset.item, slot]));
  const known = new Map(before.map((node) => [node.dataset.item, node]));
  const boxes = new Map(before.map((node) => [node, node.getBoundingClientRect()]));
  const fixed = new Map(before.flatMap((node, slot) => (stays(node) ? [[slot, node]] : [])));
  const held = new Set([...fixed.values()].map((node) => node.dataset.item));
  const flowing = places.filter((place) => !held.has(String(place.item_id)));
  for (const node of before) if (!held.has(node.dataset.item)) node.remove();

  const size = Math.max(places.length, ...[...fixed.keys()].map((slot) => slot + 1));
  const counts = { fresh: 0, moved: 0 };
  for (let slot = 0; slot < size; slot++) {
    if (fixed.has(slot)) continue;
    const place = flowing.shift();
    if (!place) continue;
    const old = known.get(String(place.item_id));
    const card = old?.card ?? make(place);
    const shift = old ? slotOf.get(old.dataset.item) - slot : "new";
    card.mark(shift);
    if (shift === "new") counts.fresh++;
    else if (shift) counts.moved++;
    const next = [...fixed.entries()].filter(([at]) => at > slot).sort(([a], [b]) => a - b)[0]?.[1];
    list.insertBefore(card.node, next ?? null);
  }
  for (const node of fixed.values()) node.card.mark(0);
  glide(list, boxes);
  return counts;
}

function glide(list, boxes) {
  if (calm()) return;
  for (const node of list.children) {
    const [was, now] = [boxes.get(node), node.getBoundingClientRect()];
    const [x, y] = was ? [was.left - now.left, was.top - now.top] : [0, 0];
    if (was && !x && !y) continue;
    const from = was ? { transform: `translate(${x}px, ${y}px)` } : { opacity: 0, transform: "scale(.92)" };
    node.classList.add("gliding"); // takes no pointer on its way
    node.animate([from, { opacity: 1, transform: "none" }], { duration: 460, easing: "cubic-bezier(.2,.8,.2,1)" })
      .finished.finally(() => node.classList.remove("gliding"));
  }
}
