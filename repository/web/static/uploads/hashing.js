// The SHA-256 of a file of any size, without holding it in memory and without a moment in which the page does not answer.
//
// A worker would need a Trusted Types policy, which no page of ours may make (headers.py), so the work is done here in
// slices of 2 MiB: some 10 ms each, between two reads of the file, at about 200 MB/s.
import { library } from "./libraries.js";

const SLICE_BYTES = 2 * 1024 * 1024;
const AT_ONCE_BYTES = 16 * 1024 * 1024;

/**
 * Return a file's SHA-256 in hex.
 * @param {Blob} file
 * @param {{stopped?: () => boolean, progress?: (share: number) => void}} [how] asked between two slices
 * @returns {Promise<string>}
 * @throws what reading throws, for a file that was moved; DOMException "AbortError" when stopped
 */
export async function digestOf(file, { stopped = () => false, progress = () => {} } = {}) {
  if (file.size <= AT_ONCE_BYTES && globalThis.crypto?.subtle) {
    return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer())));
  }
  const { sha256 } = await library("/static/build/noble/sha2.js");
  const hash = sha256.create();
  const read = (/** @type {number} */ from) => file.slice(from, from + SLICE_BYTES).arrayBuffer();
  let next = read(0);
  for (let at = 0; at < file.size; at += SLICE_BYTES) {
    const slice = await next;
    if (stopped()) throw new DOMException("stopped", "AbortError");
    if (at + SLICE_BYTES < file.size) next = read(at + SLICE_BYTES); // the disk reads on while this slice is hashed
    hash.update(new Uint8Array(slice));
    progress(at / file.size);
  }
  return hex(hash.digest());
}

/** @param {Uint8Array} digest */
function hex(digest) {
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
