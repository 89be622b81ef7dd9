// Runs before the first paint and before the modules: a chosen theme never flashes, and what the first view asks for is under
// way while they load. `api.js` takes the answers up.
"use strict";
window.early = new Map();
try {
  const chosen = localStorage.getItem("marquee-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  if (!sessionStorage.getItem("marquee-key")) {
    const [, asked] = /^#\/user\/([^/?]+)$/.exec(location.hash) ?? [];
    const known = localStorage.getItem("marquee-user");
    const user = asked ? decodeURIComponent(asked) : location.hash.length < 3 ? known : null;
    const path = user ? `/recommend/${encodeURIComponent(user)}?k=12&trace=true&explain=true` : location.hash.length < 3 ? "/users?limit=8" : null;
    if (path) window.early.set(path, fetch(path).catch(() => null));
  }
} catch {
  // no storage: the system's theme, and everything is asked for later
}
