// A file that somebody chose: what is found out about it, once each.
import { digestOf } from "./hashing.js";
import { byContent, readEnds } from "./preflight.js";

/** @typedef {import("./preflight.js").Finding} Finding */

/** @type {Promise<unknown>} */
let before = Promise.resolve();

/**
 * One large file is read at a time: two would only make the disk go to and fro.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
function inTurn(work) {
  const mine = before.then(work, work);
  before = mine.catch(() => {});
  return mine;
}

export class Chosen {
  /**
   * @param {File} file
   * @param {string} [path] its name with the folders it was in
   */
  constructor(file, path = file.name) {
    this.file = file;
    this.path = path;
    this.dropped = false;
    /** @type {string | null} its SHA-256, when it is known */
    this.sha256 = null;
    /** Whether somebody has looked at a doubt and sends it nevertheless. */
    this.decided = false;
    /** @type {Promise<Finding | null> | undefined} */
    this.found = undefined;
    /** @type {Promise<string> | undefined} */
    this.digesting = undefined;
  }

  /**
   * Return what is wrong with the bytes at its ends, or null.
   * @returns {Promise<Finding | null>}
   */
  async finding() {
    this.found ??= readEnds(this.file).then((ends) => byContent(this.file.name, ends));
    return this.found;
  }

  /**
   * Return its SHA-256, read once.
   * @returns {Promise<string>}
   */
  async digest() {
    this.digesting ??= inTurn(() => digestOf(this.file, { stopped: () => this.dropped })).then((sha256) => {
      this.sha256 = sha256;
      return sha256;
    });
    return this.digesting;
  }

  /** Stop reading it: nobody wants it any more. */
  drop() {
    this.dropped = true;
  }
}
