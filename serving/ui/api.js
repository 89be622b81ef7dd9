// The calls to the public HTTP API. A failed one throws a Problem whose message is for people.

const KEY = "marquee-key"; // kept until the tab is closed
const PATIENCE = 20_000; // milliseconds

export class Problem extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

// The API asks for a key or token that the page does not have, or whose scopes do not reach.
export class KeyNeeded extends Problem {}

function credentials() {
  const key = sessionStorage.getItem(KEY);
  if (!key) return {};
  if (key.split(".").length === 3) return { Authorization: `Bearer ${key}` };
  return key.startsWith("mq_") ? { "X-Api-Key": key } : { "X-Admin-Key": key };
}

export const hasKey = () => Boolean(sessionStorage.getItem(KEY));

export function useKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

// The answer that early.js asked for, once.
function taken(path, method) {
  const answer = method === "GET" ? window.early?.get(path) : null;
  window.early?.delete(path);
  return answer ?? null;
}

export async function call(path, { method = "GET", body, headers = {} } = {}) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await taken(path, method) ?? await fetch(path, {
    method,
    body: sent.body,
    headers: { ...sent.headers, ...credentials(), ...headers },
    signal: AbortSignal.timeout(PATIENCE),
  }).catch((error) => {
    throw new Problem(error.name === "TimeoutError" ? "The server takes too long to answer." : "The server does not answer. Is it running?");
  });
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401 || response.status === 403) throw new KeyNeeded(answer.detail ?? "A key is needed.", response.status);
  if (!response.ok && path !== "/health/ready") throw new Problem(answer.detail ?? `The server answered ${response.status}.`, response.status);
  return answer;
}

// "/items" and { k: 3, user_id: null } -> "/items?k=3"
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value != null && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

const part = encodeURIComponent;
export const users = () => call("/users?limit=8");
export const version = () => call("/version");
export const health = () => call("/health/ready");
export const domain = () => call("/domain");
export const history = (user, limit = 50) => call(`/users/${part(user)}/history?limit=${limit}`);
export const recommended = (user, k, explain = true) => call(`/recommend/${part(user)}?k=${k}&trace=true&explain=${explain}`);
export const why = (user, item) => call(`/recommend/${part(user)}/why/${part(item)}`);
export const item = (id) => call(`/items/${part(id)}`);
export const similar = (id, k, user) => call(query(`/items/${part(id)}/similar`, { k, user_id: user }));
export const trending = (k, user, genre) => call(query("/trending", { k, genre, user_id: user }));
export const fresh = (k, user) => call(query("/new", { k, user_id: user }));
export const search = (q, k, user) => call(query("/search", { q, k, user_id: user }));
export const person = (name, k) => call(query(`/people/${part(name)}`, { k }));
export const questions = (k) => call(`/onboarding?k=${k}`);
export const answered = (user, answers) => call(`/users/${part(user)}/onboarding`, { method: "POST", body: answers });
export const map = () => call("/map");
export const placeOf = (user) => call(`/map/users/${part(user)}`);
export const provenance = (request) => call(`/provenance/${part(request)}`);
export const send = (event) => call("/events", { method: "POST", body: event });
export const admin = (path, options) => call(`/admin/${path}`, options);

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Until the user's features count this many events: the milliseconds that took, or null after `patience`; `pause` lies between two looks.
export async function applied(user, events, patience = 3000, pause = 40) {
  const start = performance.now();
  while (performance.now() - start < patience) {
    if ((await history(user, 1)).n_events >= events) return performance.now() - start;
    await sleep(pause);
  }
  return null;
}
