// Whose page this is, and what was shown to them last.

const USER = "marquee-user";
const lists = new Map(); // user -> the list that they saw last

function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

let user = stored(USER);

export const currentUser = () => user;

export function become(id) {
  user = String(id);
  try {
    localStorage.setItem(USER, user);
  } catch {
    // without storage the next visit begins with the first user again
  }
}

export const newcomer = () => `visitor-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
export const keepList = (id, list) => lists.set(String(id), list);
export const lastList = (id) => lists.get(String(id));
