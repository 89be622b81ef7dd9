// The styles that only some views need, loaded with the first of them.

import { element } from "../dom.js";

const loading = new Map();

export function styled(name) {
  if (!loading.has(name)) {
    loading.set(name, new Promise((done) => {
      const link = element("link", { rel: "stylesheet", href: new URL(`../styles/${name}.css`, import.meta.url).pathname, onload: done, onerror: done });
      document.head.append(link);
    }));
  }
  return loading.get(name);
}
