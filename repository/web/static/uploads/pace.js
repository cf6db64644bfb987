// How fast files go, and what is left: steady, so that the words do not jump about. Pure.

const SPAN_MS = 20_000;

/** The speed of the last twenty seconds, over all files together. */
export class Pace {
  constructor() {
    /** @type {{at: number, sent: number}[]} */
    this.seen = [];
  }

  /**
   * Note how many bytes have gone in all by a time. A count that falls, as when a file is taken away, begins anew.
   * @param {number} at milliseconds
   * @param {number} sent
   */
  note(at, sent) {
    const last = this.seen[this.seen.length - 1];
    if (last && (sent < last.sent || at < last.at)) this.seen = [];
    this.seen.push({ at, sent });
    while (this.seen.length > 2 && at - this.seen[1].at >= SPAN_MS) this.seen.shift();
  }

  /** Forget what was: after a pause the time that passed says nothing about the line. */
  forget() {
    this.seen = [];
  }

  /**
   * Return bytes in a second; 0 as long as too little is known.
   * @returns {number}
   */
  bytesPerSecond() {
    const first = this.seen[0];
    const last = this.seen[this.seen.length - 1];
    if (!first || last.at - first.at < 1000) return 0;
    return ((last.sent - first.sent) * 1000) / (last.at - first.at);
  }

  /**
   * Return the seconds that so many bytes will take; null while nobody can say.
   * @param {number} bytes
   * @returns {number | null}
   */
  secondsFor(bytes) {
    const speed = this.bytesPerSecond();
    return speed > 0 ? bytes / speed : null;
  }
}

/**
 * Return which of the waiting files start now: in their order, so many at once.
 * @template {{state: string}} T
 * @param {readonly T[]} transfers
 * @param {number} atOnce
 * @returns {T[]}
 */
export function startable(transfers, atOnce) {
  const going = transfers.filter(({ state }) => state === "reading" || state === "sending").length;
  return transfers.filter(({ state }) => state === "waiting").slice(0, Math.max(0, atOnce - going));
}

/**
 * Return what is gone and what there is of all files that are to be sent, in bytes.
 * @param {readonly {state: string, sent: number, size: number}[]} transfers
 * @returns {{sent: number, total: number}}
 */
export function totals(transfers) {
  const counted = transfers.filter(({ state }) => !["refused", "cancelled"].includes(state));
  return {
    sent: counted.reduce((sum, one) => sum + (ALL_SENT.has(one.state) ? one.size : one.sent), 0),
    total: counted.reduce((sum, one) => sum + one.size, 0),
  };
}

/** States in which every byte of a file has gone. */
export const ALL_SENT = new Set(["checking", "unknown", "released", "held", "rejected"]);
