// Data to elements. Text only ever enters the page as text nodes, so a title cannot bring markup with it.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (name === "data") Object.assign(node.dataset, value);
    else if (name === "style") for (const [key, to] of Object.entries(value)) node.style.setProperty(key, to);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

export const element = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);
export const at = (id) => document.getElementById(id);

// Text of unknown direction, such as a title, kept apart from the text around it.
export const bdi = (text, attributes = {}) => element("bdi", attributes, text);

const ICONS = {
  star: "M12 2.6l2.9 6 6.6.9-4.8 4.6 1.2 6.5L12 17.5l-5.9 3.1 1.2-6.5L2.5 9.5l6.6-.9z",
  save: "M6 3h12v18l-6-4.6L6 21z",
  hide: "M5.6 4.2 12 10.6l6.4-6.4 1.4 1.4L13.4 12l6.4 6.4-1.4 1.4L12 13.4l-6.4 6.4-1.4-1.4L10.6 12 4.2 5.6z",
  check: "M9.5 17.2 4.3 12l1.6-1.6 3.6 3.6 8.6-8.6L19.7 7z",
};

export const icon = (name) =>
  svg("svg", { viewBox: "0 0 24 24", class: `icon icon-${name}`, "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

// What stays and what moves is said once, in the status line that screen readers follow.
export function say(text, tone = "plain") {
  at("notice").textContent = text;
  at("notice").dataset.tone = tone;
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
