// Libraries that sending needs and choosing does not: fetched while somebody chooses, so that the page can be used before.

/** @type {Map<string, Promise<any>>} */
const fetched = new Map();

/**
 * Return a library of ours, fetched once; what failed is fetched again when it is next asked for.
 * @param {string} path
 * @returns {Promise<any>}
 */
export function library(path) {
  let found = fetched.get(path);
  if (!found) {
    found = import(path);
    fetched.set(path, found);
    found.catch(() => fetched.delete(path));
  }
  return found;
}

/** Return the library of uploads, which puts itself beside the window's other names. */
export async function tusLibrary() {
  await library("/static/build/tus.min.js");
  return /** @type {any} */ (globalThis).tus;
}

/** Fetch both, so that they are there when the line is not. */
export function fetchLibraries() {
  tusLibrary().catch(() => {});
  library("/static/build/noble/sha2.js").catch(() => {});
}
