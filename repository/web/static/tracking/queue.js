// What was scanned at a station: kept in the browser the moment it is scanned, sent in order when there is a line, and
// called done only when the service has said what became of it. Whatever is sent twice changes nothing there.
import { Store } from "../sealed-store.js";
import { judge } from "./judging.js";

/** @typedef {import("./judging.js").Scan} Scan */
/** @typedef {import("./judging.js").Said} Said */
/** @typedef {"done"|"offline"|"signed-out"|"trouble"} Link */
/** @typedef {{accepted: number, repeated: number, attention: number, unread: number}} Counters */
/** @typedef {{site: string, place: string, kind: string, second: string, camera: string}} Setup */

const AT_ONCE = 100;
const PATIENCE_MS = 10_000;
const SHOWN = 20;
const NONE = { accepted: 0, repeated: 0, attention: 0, unread: 0 };

/** @param {Scan} one @param {Scan} other */
const bySeq = (one, other) => one.seq - other.seq;
/** @param {Scan} scan @returns {string} */
const nameOf = (scan) => `${scan.isWaiting ? "waiting" : "done"}/${scan.id}`;

/** @param {string} address @param {RequestInit} [more] */
const ask = (address, more = {}) => fetch(address, { credentials: "same-origin", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS), ...more });

export class Queue {
  /** Newest last. @type {Scan[]} */
  scans = [];
  /** @type {Counters} */
  counters = NONE;
  /** @type {?Setup} */
  setup = null;
  others = 0;
  clockBehindMs = 0;
  token = "";

  /** @param {Store} store @param {Said} said */
  constructor(store, said) {
    this.store = store;
    this.said = said;
  }

  /** Opens what the browser keeps; rejects where it keeps nothing. @param {Said} said */
  static async open(said) {
    const queue = new Queue(await Store.open("nea-station"), said);
    await queue.load();
    return queue;
  }

  /** Whether it is known whose scans are kept here. */
  get isReady() {
    return this.store.person !== null;
  }

  get waiting() {
    return this.scans.filter((one) => one.isWaiting);
  }

  async load() {
    if (!this.isReady) return;
    const [waiting, done, counters, setup] = await Promise.all(["waiting/", "done/", "counters", "setup"].map((name) => this.store.all(name)));
    this.scans = [...waiting, ...done].sort(bySeq);
    this.counters = counters[0] ?? NONE;
    this.setup = setup[0] ?? null;
    this.others = await this.store.ofOthers("waiting/");
  }

  /** Asks who is signed in, and makes them the one whose scans are kept here. @returns {Promise<Link>} */
  async begin() {
    return this.over(async () => {
      const began = Date.now();
      const answer = await ask("/api/tracking/station");
      if (!answer.ok) return linkOf(answer);
      const given = await answer.json();
      const before = this.store.person?.name;
      await this.store.admit(given.store);
      this.token = given.csrf_token;
      this.clockBehindMs = Date.parse(given.now) - (began + Date.now()) / 2;
      if (before !== this.store.person?.name) await this.load();
      return "done";
    });
  }

  /** @param {Setup} setup */
  async settle(setup) {
    this.setup = setup;
    await this.store.put([["setup", setup]]);
  }

  async reset() {
    this.counters = NONE;
    await this.store.put([["counters", NONE]]);
  }

  /** Keeps a scan; when this resolves it is on disk. @param {Scan} scan */
  async add(scan) {
    this.scans.push(scan);
    try {
      await this.write([scan]);
    } catch (error) {
      this.scans = this.scans.filter((one) => one !== scan); // there is no room: it is not sent either
      throw error;
    }
  }

  /** The number of the next scan: they are sent in the order in which they were made. */
  get next() {
    return (this.scans.at(-1)?.seq ?? 0) + 1;
  }

  /**
   * Whether the same was scanned here before, and still stands.
   * @param {{kind: string, label: string, number: string, site: string, place: string}} like
   */
  had(like) {
    return this.scans.some((one) => !one.isUndone && one.kind === like.kind && one.label === like.label && one.number === like.number && one.site === like.site && one.place === like.place && (one.isWaiting || one.isRecorded));
  }

  /**
   * Sends everything that waits, and says which scans are done by it.
   * @returns {Promise<{link: Link, done: Scan[]}>}
   */
  async send() {
    /** @type {Scan[]} */
    const done = [];
    const link = await this.over(async () => {
      if (this.token === "") {
        const begun = await this.begin();
        if (begun !== "done") return begun;
      }
      while (this.waiting.length > 0) {
        const some = this.waiting.slice(0, AT_ONCE);
        const answer = await this.post(some);
        if (!answer.ok) return linkOf(answer);
        const { events } = await answer.json();
        done.push(...(await this.finish(some, events)));
        if (some.every((one) => one.isWaiting)) return "trouble"; // nothing was said of any of them
      }
      return "done";
    });
    if (link === "signed-out") this.token = "";
    return { link, done };
  }

  /** @param {Scan[]} some */
  async post(some) {
    const body = JSON.stringify({ source: "scanner", events: some.map(eventOf) });
    const send = () => ask("/api/tracking/events", { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": this.token }, body });
    const answer = await send();
    if (answer.status !== 403) return answer;
    const name = this.store.person?.name; // somebody signed in again meanwhile: the same person, or another one
    return (await this.begin()) === "done" && this.store.person?.name === name ? send() : answer;
  }

  /**
   * @param {Scan[]} some
   * @param {any[]} answers
   * @returns {Promise<Scan[]>}
   */
  async finish(some, answers) {
    const finished = [];
    const again = [];
    for (const scan of some) {
      const own = answers.filter((one) => one.event_id === scan.id);
      if (own.length === 0) continue;
      const target = this.scans.find((one) => one.id === scan.corrects);
      const isVain = target !== undefined && !target.isWaiting && !target.isRecorded;
      const verdict = isVain ? { outcome: /** @type {const} */ ("undone"), word: this.said.words.undo_none, note: this.said.words.undo_none_text, packet: null, isRecorded: false } : judge(this.said, scan, own);
      const { outcome, word, note, isRecorded } = verdict;
      scan.outcome = outcome;
      scan.word = word;
      scan.note = note;
      scan.packet = verdict.packet ?? scan.packet;
      scan.isRecorded = isRecorded;
      scan.isWaiting = false;
      this.count(outcome, 1);
      if (outcome === "undone" && isRecorded && target) this.count(target.outcome, -1);
      if (target && !isRecorded && !target.isWaiting) {
        target.isUndone = false; // there was nothing to take back, or it was not taken back
        again.push(target);
      }
      finished.push(scan);
    }
    await this.write([...again, ...finished], finished.map((one) => `waiting/${one.id}`));
    return finished;
  }

  /** @param {string} outcome @param {number} by */
  count(outcome, by) {
    if (!["accepted", "repeated", "attention", "unread"].includes(outcome)) return;
    const key = /** @type {keyof Counters} */ (outcome);
    this.counters = { ...this.counters, [key]: Math.max(0, this.counters[key] + by) };
  }

  /**
   * Keeps scans as they are now with the counters, and lets go of what is no longer shown.
   * @param {Scan[]} scans
   * @param {string[]} [gone]
   */
  async write(scans, gone = []) {
    const done = this.scans.filter((one) => !one.isWaiting);
    const old = new Set(done.slice(0, Math.max(0, done.length - SHOWN)));
    this.scans = this.scans.filter((one) => !old.has(one));
    const kept = scans.filter((one) => !old.has(one)).map((one) => /** @type {[string, any]} */ ([nameOf(one), one]));
    await this.store.put([...kept, ["counters", this.counters]], [...gone, ...[...old].map(nameOf)]);
  }

  /** @param {() => Promise<Link>} work @returns {Promise<Link>} */
  async over(work) {
    try {
      return await work();
    } catch (error) {
      const isLine = error instanceof TypeError || (error instanceof DOMException && ["AbortError", "TimeoutError", "NetworkError"].includes(error.name));
      if (isLine) return "offline";
      throw error;
    }
  }
}

/** @param {Response} answer @returns {Link} */
const linkOf = (answer) => (answer.status === 401 || answer.status === 403 ? "signed-out" : "trouble");

/** @param {Scan} scan */
function eventOf(scan) {
  return {
    event_id: scan.id,
    kind: scan.kind,
    label: scan.label || undefined,
    tracking_number: scan.number || undefined,
    occurred_at: scan.at,
    site: scan.site || undefined,
    place: scan.site ? undefined : scan.place,
    script_count: scan.count ?? undefined,
    second_operator: scan.second || undefined,
    camera: scan.camera || undefined,
    corrects_id: scan.corrects || undefined,
  };
}
