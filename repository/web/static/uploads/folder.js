// What was chosen or dropped: files, and whole folders with all that is in them.
import { isHidden } from "./preflight.js";

/** @typedef {{file: File, path: string}} Found a file, and its name with the folders it was in */

/**
 * Return the files of an input, which may be one that chooses a folder.
 * @param {HTMLInputElement} input
 * @returns {Found[]}
 */
export function chosenIn(input) {
  return [...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/**
 * Return the files of what was dropped, those inside folders too.
 * @param {DataTransfer} dropped
 * @returns {Promise<Found[]>}
 */
export async function droppedIn(dropped) {
  // All entries are taken before the first wait: afterwards the browser empties the list.
  const items = [...dropped.items].filter((item) => item.kind === "file");
  const taken = items.map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  /** @type {Found[]} */
  const found = [];
  for (const { entry, file } of taken) {
    if (entry) await walk(entry, found);
    else if (file) found.push({ file, path: file.name });
  }
  return found;
}

const BY_PATH = new Intl.Collator("en-GB", { numeric: true });

/**
 * Part files that people mean, in the order of their paths, from those that computers keep beside them.
 *
 * A browser lists a folder in whatever order its disc does; which of two equal files is kept must not hang on that.
 * @param {readonly Found[]} found
 * @returns {{meant: Found[], hidden: string[]}}
 */
export function meantOf(found) {
  const hidden = found.filter(({ path }) => isHidden(path)).map(({ file }) => file.name);
  const meant = found.filter(({ path }) => !isHidden(path)).sort((one, other) => BY_PATH.compare(one.path, other.path));
  return { meant, hidden: [...new Set(hidden)] };
}

/**
 * @param {FileSystemEntry} entry
 * @param {Found[]} found
 */
async function walk(entry, found) {
  const path = entry.fullPath.replace(/^\//u, "");
  if (entry.isFile) {
    const file = await new Promise((done, failed) => /** @type {FileSystemFileEntry} */ (entry).file(done, failed));
    found.push({ file, path });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    // A browser gives a hundred at a time, and nothing at the end.
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return;
    for (const one of some) await walk(one, found);
  }
}
