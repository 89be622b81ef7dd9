// The shell around the views: which view an address means, who looks, and what is said when something fails.

import * as api from "./api.js";
import { at, element } from "./dom.js";
import { failed } from "./parts/states.js";
import { become, currentUser } from "./session.js";
import { home } from "./views/home.js";
import { learnWords, siteName } from "./words.js";

const later = (module, name) => async (...given) => (await import(module))[name](...given);
const ROUTES = [ // pattern, view, name, the entry of the navigation that it belongs to
  [/^#\/user\/([^/?]+)$/, home, "Home", "home", ["user"]],
  [/^#\/user\/([^/?]+)\/behind$/, later("./views/behind.js", "behind"), "Behind the list", "behind", ["user"]],
  [/^#\/film\/([^/?]+)$/, later("./views/film.js", "film"), "", "", ["item"]],
  [/^#\/genre\/([^/?]+)$/, later("./views/collection.js", "ofGenre"), "", "", ["name"]],
  [/^#\/people\/([^/?]+)$/, later("./views/collection.js", "ofPerson"), "", "", ["name"]],
  [/^#\/search$/, later("./views/collection.js", "searched"), "Search", "", []],
  [/^#\/map$/, later("./views/map.js", "map"), "Map", "map", []],
  [/^#\/operate$/, later("./views/operate.js", "operate"), "Operate", "operate", []],
  [/^#\/welcome$/, later("./views/welcome.js", "welcome"), "Welcome", "", []],
];
let turn = 0;
let leave = null; // what the view that is shown wants done when it goes

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function routed(hash) {
  const [path, search] = hash.split("?");
  for (const [pattern, view, name, entry, names] of ROUTES) {
    const match = pattern.exec(path);
    if (match) return { view, name, entry, needsUser: !["Welcome", "Operate"].includes(name), given: { ...Object.fromEntries(new URLSearchParams(search)), ...Object.fromEntries(names.map((key, index) => [key, decoded(match[index + 1])])) } };
  }
  return null;
}

function drawShell(route) {
  const user = currentUser();
  document.title = [route.name, siteName()].filter(Boolean).join(" · ");
  at("site").textContent = siteName();
  at("who-name").textContent = user ?? "Nobody yet";
  if (user) {
    at("nav-home").href = `#/user/${encodeURIComponent(user)}`;
    at("nav-behind").href = `#/user/${encodeURIComponent(user)}/behind`;
  }
  for (const link of document.querySelectorAll("nav a[data-entry]")) {
    if (link.dataset.entry === route.entry) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

async function show() {
  const mine = ++turn;
  const alive = () => mine === turn;
  const main = at("main");
  leave?.();
  leave = null;
  const route = routed(location.hash);
  try {
    if (!route) {
      const user = currentUser() ?? (await (await import("./parts/people.js")).mostVivid());
      if (alive()) location.replace(`#/user/${encodeURIComponent(user)}`);
      return;
    }
    if (route.entry === "home" || route.entry === "behind") become(route.given.user);
    if (!currentUser() && route.needsUser) {
      const user = await (await import("./parts/people.js")).mostVivid();
      if (!alive()) return;
      become(user);
    }
    const drawn = route.view(main, route.given, alive);
    drawShell(route);
    const end = await drawn;
    if (alive() && typeof end === "function") leave = end;
    else if (typeof end === "function") end();
  } catch (error) {
    if (!alive()) return;
    main.replaceChildren(element("h1", { class: "visually-hidden" }, "Something went wrong"), failed(error, show));
    if (error instanceof api.KeyNeeded) document.dispatchEvent(new CustomEvent("key-needed", { detail: error.message }));
  }
}

function themeSwitch() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const now = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  at("theme").addEventListener("click", () => {
    const next = now() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("marquee-theme", next);
  });
}

// What nobody needs for the first list is loaded after it; an early answer that nobody took would hold a connection.
async function furnish() {
  for (const answer of window.early?.values() ?? []) answer.then((response) => response?.body?.cancel());
  const parts = await Promise.all([import("./parts/keys.js"), import("./parts/people.js"), import("./parts/searchbox.js")]);
  parts[0].keyDialog(show);
  parts[1].peoplePicker();
  parts[2].searchBox();
}

themeSwitch();
document.addEventListener("key-needed", async (event) => {
  const { keyDialog, askForKey } = await import("./parts/keys.js");
  keyDialog(show);
  askForKey(event.detail);
});
addEventListener("hashchange", () => {
  scrollTo(0, 0);
  show().then(() => at("main").focus({ preventScroll: true }));
});
learnWords().then(() => (at("site").textContent = siteName()));
show().finally(furnish);
