// One file on its way: read, sent by tus, checked by the server. "Received" is said only when the server has said so.
//
// What it says to the server:
//   POST endpoint                    Upload-Metadata: filename, item or case, slot, filetype, sha256 · X-CSRF-Token
//                                    ← Location, Upload-Token, Document-Location: /api/documents/<id>
//   HEAD, PATCH, DELETE Location     Upload-Token, which outlives the sign-in
//   POST /api/uploads/<id>/continue  {sha256, size_bytes}: the rest of what was begun elsewhere ← location, token, document
//   GET Document-Location            ← {"state": "uploaded|verified|released|held|rejected", "reason": …, "remedy": …}
import { button, element } from "./elements.js";
import { tusLibrary } from "./libraries.js";
import { byName } from "./preflight.js";
import { sizeInWords, timeInWords } from "./words.js";

const CHUNK_BYTES = 8 * 1024 * 1024;
const RETRY_DELAYS_MS = [0, 1000, 3000, 5000, 10000, 20000, 30000];
const ASK_FIRST_MS = 500;
const ASK_SLOWEST_MS = 5000;
const ASK_FOR_MS = 15 * 60 * 1000;
const FINAL = new Set(["released", "held", "rejected"]);
const SIGNED_OUT = new Set([401, 403]);
const ENDED = new Set([404, 410]);
const TAKEN_OVER =
  "Somebody of your centre goes on with this file on another computer, or it was ended there. Try again to go on with it here.";

/** @typedef {import("./chosen.js").Chosen} Chosen */
/** @typedef {import("../uploader.js").Uploader} Uploader */
/** @typedef {import("../uploader.js").Row} Row */
/** @typedef {import("../uploader.js").RowSlot} RowSlot */
/**
 * @typedef {"waiting" | "reading" | "sending" | "paused" | "checking" | "unknown" | "stopped" | "refused" | "cancelled" | "released" |
 *   "held" | "rejected"} State
 */

/**
 * The server answers with application/problem+json; its detail is written for the person who uploads.
 * @param {any} error
 * @returns {string}
 */
function reasonOf(error) {
  const status = statusOf(error);
  if (status === 401 || status === 403) return "You are not signed in any more. Sign in again: this page then goes on by itself.";
  try {
    const problem = JSON.parse(error.originalResponse.getBody());
    if (problem.detail || problem.title) return problem.detail || problem.title;
  } catch {
    // no answer, or none in JSON: say what the status says
  }
  if (status === 0) return "The connection was lost. What has been sent is kept: try again to send the rest.";
  if (status === 413) return "This file is too large.";
  return `The server answered ${status}. Try again; if it happens again, ask for help.`;
}

/** @param {any} error */
function statusOf(error) {
  return error?.originalResponse?.getStatus() ?? 0;
}

/** @param {any} error */
function methodOf(error) {
  return error?.originalRequest?.getMethod() ?? "";
}

// tus-js-client keeps {size, metadata, uploadUrl} of an unfinished upload in the browser's storage; ours adds the two
// things needed to go on after the page was closed: the upload's token and where its document will be.
class RememberingStorage {
  /**
   * @param {any} inner
   * @param {Transfer} transfer
   */
  constructor(inner, transfer) {
    this.inner = inner;
    this.transfer = transfer;
  }
  findAllUploads() {
    return this.inner.findAllUploads();
  }
  /** @param {string} fingerprint */
  findUploadsByFingerprint(fingerprint) {
    return this.inner.findUploadsByFingerprint(fingerprint);
  }
  /** @param {string} key */
  removeUpload(key) {
    return this.inner.removeUpload(key);
  }
  /**
   * @param {string} fingerprint
   * @param {object} upload
   */
  async addUpload(fingerprint, upload) {
    const { token, documentLocation } = this.transfer;
    try {
      return await this.inner.addUpload(fingerprint, { ...upload, token, documentLocation });
    } catch {
      return null; // storage full or forbidden: then the server's own list is what remembers it
    }
  }
}

export class Transfer {
  /**
   * @param {Uploader} uploader
   * @param {Row} row
   * @param {Chosen} chosen
   * @param {RowSlot} slot
   */
  constructor(uploader, row, chosen, slot) {
    this.uploader = uploader;
    this.row = row;
    this.chosen = chosen;
    this.file = chosen.file;
    this.slot = slot;
    /** @type {State} */
    this.state = "waiting";
    this.size = chosen.file.size;
    this.sent = 0;
    /** @type {string | null} */
    this.token = null;
    /** @type {string | null} */
    this.documentLocation = null;
    /** @type {any} */
    this.upload = null;
    /** @type {Date | null} by the server's clock, when what is sent was declared */
    this.begunAt = null;
    this.lostConnection = false;
    this.signedOut = false;
    this.resuming = false;
    this.remembered = true; // whether the browser's own memory may be asked
    const { file } = this;
    const size = element("span", { class: "app-files__size", text: sizeInWords(file.size) });
    const name = element("div", { class: "app-files__name" }, `${file.name} `, size);
    this.bar = element("progress", { class: "app-progress__bar", max: "100", value: "0", "aria-label": `Sent of ${file.name}` });
    this.percent = element("span", { class: "app-progress__text", text: "0%" });
    this.progress = element("div", { class: "app-progress" }, this.bar, this.percent);
    this.status = element("p", { class: "app-files__status" });
    this.pauseButton = button("Pause", file.name);
    this.againButton = button("Try again", file.name);
    this.cancelButton = button("Cancel", file.name);
    this.actions = element("div", { class: "app-files__actions" }, this.pauseButton, this.againButton, this.cancelButton);
    this.line = element("li", { class: "app-files__file" }, element("div", {}, name, this.progress, this.status), this.actions);
    this.pauseButton.addEventListener("click", () => (this.state === "paused" ? this.queueAgain() : this.pause()));
    this.againButton.addEventListener("click", () => this.queueAgain());
    this.cancelButton.addEventListener("click", () => this.cancel());
    this.row.list.append(this.line);
    this.become("waiting", "Waiting for its turn");
  }

  /**
   * Every change of state goes through here, so that the words, the buttons and the live region never disagree.
   * @param {State} state
   * @param {string} words
   */
  become(state, words) {
    this.state = state;
    const shown = state === "refused" ? "stopped" : state;
    this.line.className = `app-files__file app-files__file--${shown}`;
    this.status.textContent = words;
    const moving = ["waiting", "reading", "sending", "paused"].includes(state);
    this.progress.hidden = !(["sending", "paused"].includes(state) || (state === "stopped" && this.bar.value > 0));
    this.pauseButton.hidden = !["sending", "paused"].includes(state);
    /** @type {Text} */ (this.pauseButton.firstChild).data = state === "paused" ? "Resume" : "Pause";
    this.againButton.hidden = state !== "stopped";
    this.cancelButton.hidden = !(moving || shown === "stopped");
    /** @type {Text} */ (this.cancelButton.firstChild).data = shown === "stopped" ? "Remove from list" : "Cancel";
    this.actions.hidden = [...this.actions.children].every((child) => /** @type {HTMLElement} */ (child).hidden);
    this.uploader.changed();
  }

  /**
   * Say why this file is not sent.
   * @param {string} words
   */
  refuse(words) {
    this.become("refused", words);
    this.uploader.say(`${this.file.name}: ${words}`);
  }

  /**
   * @param {number} sent
   * @param {number} total
   */
  showProgress(sent, total) {
    const percent = total > 0 ? Math.floor((sent / total) * 100) : 0;
    this.sent = sent;
    this.bar.value = percent;
    this.percent.textContent = `${percent}%`;
    const late = this.uploader.deadline.words(this.begunAt);
    if (late && this.state === "sending") this.status.textContent = late;
    this.uploader.progressed();
  }

  // One start at a time: pausing while the file is being read leaves it paused.
  async start() {
    this.become("reading", "Reading the file");
    let finding;
    let digest;
    try {
      finding = byName(this.file.name, this.file.size, this.slot.limits) ?? (await this.chosen.finding());
      if (finding?.level !== "stop") digest = await this.chosen.digest();
    } catch {
      if (this.state === "reading") this.refuse("The browser could not read this file. It may have been moved or renamed: choose it again.");
      return;
    }
    if (this.state !== "reading") return;
    if (finding?.level === "stop") {
      this.refuse(`${finding.words} ${finding.remedy}`);
      return;
    }
    const doubt = this.chosen.decided ? null : (finding ?? this.uploader.doubtAbout(this, String(digest)));
    const same = this.uploader.sameAs(this, String(digest));
    if (same) {
      this.refuse(same);
      return;
    }
    if (doubt) {
      this.become("cancelled", "");
      this.line.remove();
      this.uploader.askAbout(this, doubt);
      return;
    }
    try {
      this.upload ??= await this.prepare(String(digest));
    } catch (error) {
      if (this.state === "reading") this.fail(error);
      return;
    }
    if (this.state !== "reading") return;
    if (this.uploader.held) {
      this.become("waiting", "Waiting: everything is paused");
      return;
    }
    this.become("sending", this.resuming ? "Sending the rest" : "Sending");
    this.upload.start();
  }

  /**
   * Return the upload: what this browser or the server remembers of it, or a new one.
   * @param {string} sha256
   */
  async prepare(sha256) {
    const tus = await tusLibrary();
    const upload = new tus.Upload(this.file, this.options(sha256, tus));
    const stored = this.remembered ? (await upload.findPreviousUploads()).filter((/** @type {any} */ one) => one.token) : [];
    if (stored.length > 0) {
      const last = stored.reduce((/** @type {any} */ one, /** @type {any} */ other) =>
        Date.parse(one.creationTime) > Date.parse(other.creationTime) ? one : other);
      this.token = last.token;
      this.documentLocation = last.documentLocation ?? null;
      this.begunAt = new Date(last.creationTime);
      upload.resumeFromPreviousUpload(last);
      this.goesOn(upload);
      return upload;
    }
    if (!this.remembered) await this.uploader.renew();
    const begun = this.uploader.unfinished.find({ item: this.row.item, slot: this.slot.key }, this.size, sha256);
    if (begun) {
      const answer = await this.uploader.askServer(`/api/uploads/${begun.id}/continue`, { sha256, size_bytes: this.size });
      if (answer.status === 200) {
        const { location, token, document: documentLocation } = await answer.json();
        this.token = token;
        this.documentLocation = documentLocation;
        this.begunAt = new Date(begun.begunAt);
        upload.url = new URL(location, globalThis.location.href).href;
        this.goesOn(upload);
        return upload;
      }
      if (SIGNED_OUT.has(answer.status)) throw signedOut(answer.status);
      if (!ENDED.has(answer.status)) throw new Error(String((await answer.json().catch(() => ({}))).detail ?? "Try again."));
    }
    return upload;
  }

  /** @param {any} upload */
  goesOn(upload) {
    this.resuming = true;
    upload.options.endpoint = null; // what cannot be gone on with is not sent anew without a word
    this.uploader.say(`${this.file.name}: going on from where it stopped`);
  }

  /**
   * @param {string} sha256
   * @param {any} tus
   */
  options(sha256, tus) {
    const { file, row, slot, uploader } = this;
    /** @type {Record<string, string>} */
    const metadata = { filename: file.name, [row.subject]: row.item, slot: slot.key, sha256 };
    if (file.type) metadata.filetype = file.type;
    return {
      endpoint: uploader.endpoint,
      metadata,
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      removeFingerprintOnSuccess: true,
      urlStorage: new RememberingStorage(tus.defaultOptions.urlStorage, this),
      // The same file for another candidate or another slot is another upload; a changed file is another upload too.
      fingerprint: async () => ["nea", uploader.endpoint, row.item, slot.key, file.name, file.size, sha256].join("|"),
      onBeforeRequest: (/** @type {any} */ request) => {
        if (request.getMethod() === "POST") request.setHeader("X-CSRF-Token", uploader.csrfToken);
        else if (this.token) request.setHeader("Upload-Token", this.token);
      },
      onAfterResponse: (/** @type {any} */ request, /** @type {any} */ response) => {
        uploader.deadline.hear(response.getHeader("Date"));
        if (request.getMethod() === "POST") {
          this.token = response.getHeader("Upload-Token") ?? this.token;
          this.begunAt = uploader.deadline.now();
        }
        this.documentLocation = response.getHeader("Document-Location") ?? this.documentLocation;
      },
      onUploadUrlAvailable: () => {
        if (this.upload) this.upload.options.endpoint = null;
      },
      onShouldRetry: (/** @type {any} */ error) => {
        const status = statusOf(error);
        // 409 on PATCH is an offset that moved on: asking again finds it. 409 on POST is the server's "no": a locked sample.
        const moved = status === 409 && methodOf(error) === "PATCH";
        const asksAgain = status === 0 || moved || status === 423 || status === 429 || status >= 500;
        if (status === 0) this.status.textContent = "The connection is gone. Trying again by itself";
        return asksAgain;
      },
      onProgress: (/** @type {number} */ sent, /** @type {number} */ total) => this.showProgress(sent, total),
      onChunkComplete: () => {
        if (this.state === "sending") this.status.textContent = this.uploader.deadline.words(this.begunAt) || "Sending";
      },
      onError: (/** @type {any} */ error) => this.fail(error),
      onSuccess: () => this.check(),
    };
  }

  /** @param {any} error */
  fail(error) {
    const status = statusOf(error);
    const ended = ENDED.has(status) && methodOf(error) !== "POST";
    if (ended && this.resuming && this.sent === 0) {
      this.beginAnew();
      return;
    }
    this.lostConnection = status === 0 && Boolean(error?.originalRequest);
    this.signedOut = SIGNED_OUT.has(status);
    if (ended) {
      this.upload = null;
      this.remembered = false;
    }
    const words = ended ? TAKEN_OVER : error?.originalRequest || status ? reasonOf(error) : error.message;
    this.become("stopped", words);
    this.uploader.say(`${this.file.name}: ${words}`);
    if (this.signedOut) this.uploader.signedOut();
  }

  // What this browser remembers has ended, or is gone on with elsewhere: the server's list knows.
  beginAnew() {
    this.upload = null;
    this.token = null;
    this.resuming = false;
    this.remembered = false;
    this.become("waiting", "Waiting for its turn");
  }

  async pause() {
    this.become("paused", "Paused. You can close this page and choose the same file later, on any computer: only the rest is sent.");
    await this.upload?.abort();
  }

  queueAgain() {
    if (this.state === "cancelled") return;
    this.lostConnection = false;
    this.signedOut = false;
    const focused = this.line.contains(document.activeElement);
    this.become("waiting", "Waiting for its turn");
    this.uploader.advance();
    if (focused) /** @type {HTMLElement | null} */ (this.line.querySelector("button:not([hidden])"))?.focus();
  }

  async cancel() {
    const name = this.file.name;
    const unfinished = this.upload;
    this.chosen.drop();
    this.become("cancelled", "Cancelled");
    this.line.remove();
    this.uploader.forget(this);
    this.uploader.say(`${name}: cancelled`);
    this.row.input?.focus();
    try {
      await unfinished?.abort(true); // DELETE, so that the server forgets the part it has
    } catch {
      // an upload nobody finishes expires by itself
    }
  }

  // All bytes are there. Received is said only when the server has sealed and checked them.
  async check() {
    this.sent = this.size;
    this.become("checking", "All sent. The server is checking it");
    this.uploader.unfinished.done(this.documentLocation);
    if (!this.documentLocation) {
      this.become("unknown", "All sent. Reload this page to see whether it was accepted.");
      return;
    }
    const until = Date.now() + ASK_FOR_MS;
    let wait = ASK_FIRST_MS;
    while (Date.now() < until) {
      const answer = await this.ask();
      if (answer.state) {
        this.finish(answer.state, answer.reason ?? "");
        return;
      }
      if (answer.signedOut) {
        this.signedOut = true;
        this.become("unknown", "All sent. Sign in again to see whether it was accepted: this page then says so.");
        this.uploader.signedOut();
        return;
      }
      await new Promise((done) => setTimeout(done, wait));
      wait = Math.min(wait * 1.5, ASK_SLOWEST_MS);
    }
    this.become("unknown", "All sent, and still being checked. Reload this page later to see the result.");
  }

  /** @returns {Promise<{state?: "released" | "held" | "rejected", reason?: string, signedOut?: boolean}>} */
  async ask() {
    try {
      const response = await fetch(String(this.documentLocation), { headers: { Accept: "application/json" }, cache: "no-store" });
      if (SIGNED_OUT.has(response.status)) return { signedOut: true };
      if (!response.ok) return {}; // not there yet, or a server that is being restarted: ask again
      const { state, reason, remedy } = await response.json();
      return FINAL.has(state) ? { state, reason: [reason, remedy].filter(Boolean).join(" ") } : {};
    } catch {
      return {}; // no network: ask again
    }
  }

  /**
   * @param {"released" | "held" | "rejected"} state
   * @param {string} reason
   */
  finish(state, reason) {
    const words = {
      released: "Received and checked",
      held: `Held, not yet accepted: ${reason || "somebody has to look at it."}`,
      rejected: `Not accepted: ${reason || "choose another file."}`,
    }[state];
    this.become(state, words);
    if (state !== "released") this.uploader.say(`${this.file.name}: ${words}`);
    const detail = { state, reason: reason || null, filename: this.file.name };
    this.row.place.dispatchEvent(new CustomEvent("nea:document", { bubbles: true, detail }));
  }
}

/**
 * What tus would report, for an answer that was asked for beside it.
 * @param {number} status
 */
function signedOut(status) {
  return { originalRequest: null, originalResponse: { getStatus: () => status, getBody: () => "" } };
}

/** When the sample is due, and what time it is, both by the server's clock. */
export class Deadline {
  /** @param {string | undefined} dueAt */
  constructor(dueAt) {
    this.dueAt = dueAt ? new Date(dueAt) : null;
    this.ahead = 0;
  }

  /** @param {string | undefined} date the header of an answer */
  hear(date) {
    if (date && !Number.isNaN(Date.parse(date))) this.ahead = Date.parse(date) - Date.now();
  }

  now() {
    return new Date(Date.now() + this.ahead);
  }

  /**
   * Return what is so of a file that was begun before the deadline and is still on its way after it; empty for others.
   * @param {Date | null} begunAt
   * @returns {string}
   */
  words(begunAt) {
    if (!this.dueAt || !begunAt || begunAt > this.dueAt || this.now() <= this.dueAt) return "";
    const [begun, due] = [timeInWords(begunAt, this.now()), timeInWords(this.dueAt, this.now())];
    return `Sending. It was begun at ${begun}, before the time was up at ${due}: it may finish, and counts as sent in time.`;
  }
}
