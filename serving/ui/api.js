// The calls to the server. A failed one throws an Error whose message is the problem's detail.

// The API asks for a key or token that the page does not have.
export class KeyNeeded extends Error {}

const KEY = "marquee-key"; // kept until the tab is closed

function credentials() {
  const key = sessionStorage.getItem(KEY);
  if (!key) return {};
  return key.split(".").length === 3 ? { Authorization: `Bearer ${key}` } : { "X-Api-Key": key };
}

export function useKey(key) {
  sessionStorage.setItem(KEY, key);
}

async function call(path, options = {}) {
  const headers = { ...options.headers, ...credentials() };
  const response = await fetch(path, { ...options, headers }).catch(() => {
    throw new Error("The server does not answer. Is `marquee up` running?");
  });
  const body = await response.json().catch(() => ({}));
  if (response.status === 401) throw new KeyNeeded(body.detail);
  if (!response.ok && path !== "/health/ready") throw new Error(body.detail ?? `The server answered ${response.status}.`);
  return body;
}

export const users = () => call("/users?limit=8");
export const version = () => call("/version");
export const health = () => call("/health/ready");
export const history = (user) => call(`/users/${encodeURIComponent(user)}/history?limit=8`);

export async function list(user, explain) {
  const start = performance.now();
  const found = await call(`/recommend/${encodeURIComponent(user)}?k=20&trace=true&explain=${explain}`);
  return { ...found, roundTrip: performance.now() - start };
}

export const send = (event) =>
  call("/events", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(event) });

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Until the consumer has put the event into the user's features: the milliseconds that took, or null after `patience`.
export async function applied(user, eventsBefore, patience = 4000) {
  const start = performance.now();
  while (performance.now() - start < patience) {
    if ((await history(user)).n_events > eventsBefore) return performance.now() - start;
    await sleep(25);
  }
  return null;
}
