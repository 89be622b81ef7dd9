// Points on a canvas that can be moved, zoomed and pointed at, fast enough for tens of thousands of them. Coordinates of items
// lie within [-1, 1]; `view` says which place is in the middle and how many px one unit is.

import { calm } from "../dom.js";

const CELLS = 64; // of the grid in which the nearest point is looked for, per side
const REACH = 14; // px around the pointer
const [NEAR, FAR] = [60, 0.85]; // how far one can zoom, times the first view

export class MapCanvas {
  constructor(canvas, data, colours, { pointed, chosen }) {
    Object.assign(this, { canvas, data, colours, pointed, chosen, only: -1, user: null });
    this.context = canvas.getContext("2d");
    this.groups = grouped(data, colours.length);
    this.cells = gridded(data);
    this.pointers = new Map();
    this.view = this.target = null;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    this.listen();
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
    Object.assign(this, { width, height, ratio, first: Math.min(width, height) / 2.15 });
    this.target ??= { x: 0, y: 0, scale: this.first };
    this.view ??= { ...this.target };
    this.draw();
  }

  px = (x, y) => [this.width / 2 + (x - this.view.x) * this.view.scale, this.height / 2 - (y - this.view.y) * this.view.scale];
  place = (left, top, view = this.view) => [view.x + (left - this.width / 2) / view.scale, view.y - (top - this.height / 2) / view.scale];

  draw = () => {
    const { context, view, width, height, ratio } = this;
    if (!view) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const size = Math.min(9, 1.9 * Math.sqrt(view.scale / this.first) + (this.data.items.length < 3000 ? 1.2 : 0.5));
    const { x, y } = this.data;
    const [scale, middle, centre] = [view.scale, width / 2 - view.x * view.scale, height / 2 + view.y * view.scale];
    this.groups.forEach((group, genre) => {
      context.globalAlpha = this.only < 0 || this.only === genre ? 0.8 : 0.07;
      context.fillStyle = this.colours[genre];
      context.beginPath();
      for (const index of group) {
        const left = middle + x[index] * scale; // no array for each point: this runs for all of them in every frame
        const top = centre - y[index] * scale;
        if (left < -9 || top < -9 || left > width + 9 || top > height + 9) continue;
        if (size > 3) { context.moveTo(left + size / 2, top); context.arc(left, top, size / 2, 0, 6.3); }
        else context.rect(left - size / 2, top - size / 2, size, size);
      }
      context.fill();
    });
    context.globalAlpha = 1;
    this.drawUser();
    if (this.at >= 0) this.ring(...this.px(this.data.x[this.at], this.data.y[this.at]), size / 2 + 4);
  };

  ring(left, top, radius) {
    const { context } = this;
    context.strokeStyle = this.inkColour();
    context.lineWidth = 2;
    context.beginPath();
    context.arc(left, top, radius, 0, 6.3);
    context.stroke();
  }

  inkColour = () => getComputedStyle(this.canvas).color;

  drawUser() {
    const { context, user } = this;
    if (!user?.now) return;
    const points = [...user.path.map((step) => [step.x, step.y]), user.now].map(([x, y]) => this.px(x, y));
    context.lineWidth = 2;
    context.strokeStyle = this.inkColour();
    for (let index = 1; index < points.length; index++) { // later steps are stronger
      context.globalAlpha = 0.12 + 0.7 * (index / points.length);
      context.beginPath();
      context.moveTo(...points[index - 1]);
      context.lineTo(...points[index]);
      context.stroke();
    }
    context.globalAlpha = 1;
    const [left, top] = points.at(-1);
    context.fillStyle = "#ffb938";
    context.beginPath();
    context.arc(left, top, 8, 0, 6.3);
    context.fill();
    this.ring(left, top, 8);
    context.fillStyle = this.inkColour();
    context.font = "600 14px system-ui, sans-serif";
    context.fillText("You", left + 13, top + 5);
  }

  // The view glides to where it should be.
  go(target) {
    this.target = { ...target, scale: Math.min(this.first * NEAR, Math.max(this.first * FAR, target.scale)) };
    if (calm()) Object.assign(this.view, this.target);
    if (!this.frame) this.frame = requestAnimationFrame(this.glide);
  }

  glide = () => {
    const { view, target } = this;
    const far = Math.abs(target.scale / view.scale - 1) + Math.hypot(target.x - view.x, target.y - view.y) * view.scale / 100;
    const step = far < 0.003 ? 1 : 0.28;
    for (const key of ["x", "y", "scale"]) view[key] += (target[key] - view[key]) * step;
    this.draw();
    this.frame = step === 1 ? 0 : requestAnimationFrame(this.glide);
  };

  // Zooms by `factor`, with what lies at this px staying there.
  zoom(factor, left = this.width / 2, top = this.height / 2) {
    const scale = Math.min(this.first * NEAR, Math.max(this.first * FAR, this.target.scale * factor));
    const [x, y] = this.place(left, top, this.target);
    this.go({ x: x - (left - this.width / 2) / scale, y: y + (top - this.height / 2) / scale, scale });
  }

  pan(right, down) {
    this.go({ ...this.target, x: this.target.x + right / this.target.scale, y: this.target.y - down / this.target.scale });
  }

  show(x, y, times) {
    this.go({ x, y, scale: this.first * times });
  }

  // The index of the item nearest to a px within reach; -1 for none.
  nearest(left, top) {
    const [x, y] = this.place(left, top);
    const reach = REACH / this.view.scale;
    let [best, least] = [-1, reach ** 2];
    for (let column = cell(x - reach); column <= cell(x + reach); column++) {
      for (let line = cell(y - reach); line <= cell(y + reach); line++) {
        for (const index of this.cells[column * CELLS + line]) {
          const away = (this.data.x[index] - x) ** 2 + (this.data.y[index] - y) ** 2;
          if (away < least) [best, least] = [index, away];
        }
      }
    }
    return best;
  }

  listen() {
    const { canvas, pointers } = this;
    const spot = (event) => [event.offsetX, event.offsetY];
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.zoom(Math.exp(-event.deltaY * 0.0016), ...spot(event)); }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); pointers.set(event.pointerId, spot(event)); this.travelled = 0; });
    canvas.addEventListener("pointermove", (event) => this.move(event.pointerId, spot(event)));
    canvas.addEventListener("pointerup", (event) => {
      pointers.delete(event.pointerId);
      const hit = this.nearest(...spot(event));
      if (this.travelled < 6 && hit >= 0) this.chosen(hit, event.pointerType);
    });
    canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => this.point(-1));
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: () => this.pan(-80, 0), ArrowRight: () => this.pan(80, 0), ArrowUp: () => this.pan(0, -80), ArrowDown: () => this.pan(0, 80), "+": () => this.zoom(1.5), "=": () => this.zoom(1.5), "-": () => this.zoom(1 / 1.5), 0: () => this.show(0, 0, 1) };
      if (!steps[event.key]) return;
      event.preventDefault();
      steps[event.key]();
    });
  }

  move(id, [left, top]) {
    const { pointers } = this;
    if (!pointers.has(id)) return this.point(this.nearest(left, top), left, top);
    const [was, wasTop] = pointers.get(id);
    this.travelled += Math.hypot(left - was, top - wasTop);
    pointers.set(id, [left, top]);
    if (pointers.size === 2) {
      const [other] = [...pointers].filter(([key]) => key !== id).map(([, at]) => at);
      const spread = (x, y) => Math.hypot(x - other[0], y - other[1]) || 1;
      return this.zoom(spread(left, top) / spread(was, wasTop), (left + other[0]) / 2, (top + other[1]) / 2);
    }
    this.point(-1);
    return this.pan(was - left, wasTop - top);
  }

  point(index, left, top) {
    if (index === this.at && index < 0) return;
    this.at = index;
    this.canvas.style.cursor = index < 0 ? "" : "pointer";
    this.pointed(index, left, top);
    this.draw();
  }

  end() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }
}

const cell = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(((value + 1) / 2) * CELLS)));

function gridded({ items, x, y }) {
  const cells = Array.from({ length: CELLS * CELLS }, () => []);
  for (let index = 0; index < items.length; index++) cells[cell(x[index]) * CELLS + cell(y[index])].push(index);
  return cells;
}

function grouped({ items, genre }, count) {
  const groups = Array.from({ length: count }, () => []);
  for (let index = 0; index < items.length; index++) groups[genre[index] < 0 ? count - 1 : Math.min(genre[index], count - 1)].push(index);
  return groups;
}
