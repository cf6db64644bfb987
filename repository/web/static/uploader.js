// The sample page's uploads: pick or drop files or a whole folder, see where each goes, say so, and watch it arrive.
//
// Markup: templates/macros/uploads.html. What this module reads:
//   [data-uploader]      data-endpoint, data-csrf-token (or <meta name="csrf-token">), data-accept, data-maximum-bytes,
//                        data-case-id, data-due-at
//     [data-drop-zone] [data-drop-input] [data-folder-input] [data-drop-button] [data-folder-button]
//     [data-plan …]                       which file goes where (uploads/plan.js)
//     [data-queue …]                      all that is on its way
//     [data-unfinished]                   what was begun and not finished, anywhere (uploads/unfinished.js)
//     [data-signed-out]                   shown when the sign-in is over
//     [data-uploader-status]              the live region; [data-uploader-reload]: a link, shown at the end
//     [data-item-id][data-candidate-number]   one row for each candidate, holding
//       [data-files] (a list), [data-fallback] (the plain form, with [data-slot] and an input of type file), [data-send]
//
// A row sends the event "nea:document" (detail: state, reason, filename) when a document's state is final.
import { Chosen } from "./uploads/chosen.js";
import { Announcer } from "./uploads/elements.js";
import { chosenIn, droppedIn, meantOf } from "./uploads/folder.js";
import { fetchLibraries } from "./uploads/libraries.js";
import { numeralsOf, stemOf } from "./uploads/names.js";
import { ALL_SENT, Pace, startable, totals } from "./uploads/pace.js";
import { Plan } from "./uploads/plan.js";
import { Deadline, Transfer } from "./uploads/transfer.js";
import { Unfinished } from "./uploads/unfinished.js";
import { counted, leftInWords, sizeInWords } from "./uploads/words.js";

const AT_ONCE = 3; // more would only share the same line, and one stalled file should not stop the others
const TOLD_EVERY_MS = 1000;

/** @typedef {import("./uploads/preflight.js").Limits} Limits */
/** @typedef {import("./uploads/preflight.js").Finding} Finding */
/** @typedef {import("./uploads/folder.js").Found} Found */
/** @typedef {{key: string, title: string, hint: string, limits: Limits}} RowSlot */
/** @typedef {{item: string, slot: string, sha256: string, filename: string}} Known what is here or on its way */

/**
 * What a place takes: endings of file names, and a size; empty and 0 where the page does not say.
 * @param {DOMStringMap} data
 * @returns {Limits}
 */
function limitsOf({ accept, maximumBytes }) {
  return {
    endings: (accept || "").split(",").map((ending) => ending.trim().toLowerCase()).filter((ending) => ending.startsWith(".")),
    maximumBytes: Number(maximumBytes) || 0,
  };
}

/** One candidate of the sample, or the whole group: who it is, what may be sent, and the list of files. */
export class Row {
  /**
   * @param {Uploader} uploader
   * @param {HTMLElement} place
   */
  constructor(uploader, place) {
    this.uploader = uploader;
    this.place = place;
    this.item = place.dataset.itemId ?? "";
    this.subject = place.dataset.subject ?? "item"; // "case" for files about the whole group
    this.candidate = place.dataset.candidateNumber ?? "the whole group";
    this.surname = place.dataset.surname ?? "";
    this.forenames = place.dataset.forenames ?? "";
    this.title = this.surname ? `${this.candidate}, ${this.surname}, ${this.forenames}` : this.candidate.replace(/^the/u, "The");
    this.list = /** @type {HTMLElement} */ (place.querySelector("[data-files]"));
    const form = place.querySelector("[data-fallback]");
    this.open = form !== null; // a locked row has no form
    /** @type {HTMLSelectElement | HTMLInputElement | null} */
    this.slotControl = null;
    /** @type {HTMLInputElement | null} */
    this.input = null;
    if (!form) return;
    this.slotControl = form.querySelector("[data-slot]");
    const input = /** @type {HTMLInputElement} */ (form.querySelector("input[type=file]"));
    this.input = input;
    /** @type {HTMLElement} */ (form.querySelector("[data-send]")).hidden = true; // choosing a file sends it
    form.addEventListener("submit", (event) => event.preventDefault());
    input.addEventListener("change", () => this.takeChosen());
    uploader.dropTarget(place, "app-upload-row--over", (found) => uploader.choose(this, found, this.slot()));
  }

  /** Send what stands in the field, which may have been filled before this script had arrived. */
  takeChosen() {
    if (!this.input?.files?.length) return;
    this.uploader.choose(this, chosenIn(this.input), this.slot());
    this.input.value = ""; // so that the same file can be chosen again
  }

  /** @returns {RowSlot[]} */
  slots() {
    const control = this.slotControl;
    const fallback = this.uploader.limits;
    /** @param {string} key @param {string} title @param {DOMStringMap} data */
    const made = (key, title, data) => {
      const own = limitsOf(data);
      const limits = { endings: own.endings.length > 0 ? own.endings : fallback.endings, maximumBytes: own.maximumBytes || fallback.maximumBytes };
      return { key, title, hint: data.slotHint ?? "", limits };
    };
    if (control instanceof HTMLSelectElement) return [...control.options].map((option) => made(option.value, option.text, option.dataset));
    return [made(control?.value ?? "work", control?.dataset.slotTitle ?? "Work", control?.dataset ?? {})];
  }

  /** @returns {RowSlot} the one that is chosen in the row's own form */
  slot() {
    const key = this.slotControl?.value ?? "work";
    return this.slots().find((slot) => slot.key === key) ?? this.slots()[0];
  }

  /** Whether work is here or on its way already. */
  isFilled() {
    const here = [...this.list.querySelectorAll("[data-document-state]")].map((line) => /** @type {HTMLElement} */ (line).dataset.documentState);
    return (
      here.some((state) => !["held", "rejected", "withdrawn"].includes(state ?? "")) ||
      this.uploader.transfers.some(({ row, state }) => row === this && !["refused", "rejected", "held", "stopped"].includes(state))
    );
  }
}

/** The uploads of one page. */
export class Uploader {
  /** @param {HTMLElement} place */
  constructor(place) {
    const { endpoint, csrfToken, accept, maximumBytes, caseId, dueAt } = place.dataset;
    const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="csrf-token"]'));
    this.place = place;
    this.endpoint = endpoint || "/uploads";
    this.csrfToken = csrfToken || meta?.content || "";
    this.caseId = caseId ?? "";
    this.limits = limitsOf(/** @type {DOMStringMap} */ ({ accept, maximumBytes }));
    this.deadline = new Deadline(dueAt);
    this.announcer = new Announcer(place.querySelector("[data-uploader-status]"));
    this.reload = /** @type {HTMLElement | null} */ (place.querySelector("[data-uploader-reload]"));
    this.unfinished = new Unfinished(place.querySelector("[data-unfinished]"));
    this.pace = new Pace();
    this.held = false; // whether a person has paused everything
    this.toldAt = 0;
    this.toldQuarter = 0;
    this.toldReleased = 0;
    this.asking = false;
    /** @type {Transfer[]} */
    this.transfers = [];
    // Rows may also stand beside the uploader's element, as when a page makes that element a form.
    const inside = place.querySelectorAll("[data-item-id]");
    const rows = /** @type {NodeListOf<HTMLElement>} */ (inside.length > 0 ? inside : document.querySelectorAll("[data-item-id]"));
    this.rows = [...rows].map((row) => new Row(this, row)).filter((row) => row.open);
    const planned = /** @type {HTMLElement | null} */ (place.querySelector("[data-plan]"));
    this.plan = planned ? new Plan(this, planned) : null;
    this.openQueue();
    if (this.rows.length > 0) this.openDropZone();
    for (const row of this.rows) row.takeChosen();
    // A connection that comes back restarts what its loss had stopped.
    addEventListener("online", () => this.restart(({ lostConnection }) => lostConnection));
    // Somebody who comes back to this page may have signed in again in another.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.isSignedOut()) this.comeBack();
    });
    addEventListener("focus", () => {
      if (this.isSignedOut()) this.comeBack();
    });
    addEventListener("beforeunload", (event) => {
      if (this.busy()) event.preventDefault();
    });
  }

  /** Who and what files may be about, as the rule of allocation asks for it. */
  get sample() {
    const slotsOf = (/** @type {Row} */ row) => row.slots().map(({ key, title, hint, limits }) => ({ key, title, hint, endings: limits.endings }));
    const group = this.rows.find((row) => row.subject === "case");
    return {
      candidates: this.rows.filter((row) => row.subject === "item").map((row) => (
        { item: row.item, number: row.candidate, surname: row.surname, forenames: row.forenames, slots: slotsOf(row) })),
      group: group ? { item: group.item, slots: slotsOf(group) } : null,
    };
  }

  openDropZone() {
    const zone = /** @type {HTMLElement | null} */ (this.place.querySelector("[data-drop-zone]"));
    if (!zone) return;
    zone.hidden = false;
    for (const [inputName, buttonName] of [["[data-drop-input]", "[data-drop-button]"], ["[data-folder-input]", "[data-folder-button]"]]) {
      const input = /** @type {HTMLInputElement | null} */ (zone.querySelector(inputName));
      if (!input) continue;
      zone.querySelector(buttonName)?.addEventListener("click", () => input.click());
      const take = () => {
        if (!input.files?.length) return;
        this.consider(chosenIn(input));
        input.value = "";
      };
      input.addEventListener("change", take);
      take(); // what was chosen before this script had arrived
    }
    this.dropTarget(zone, "app-drop--over", (found) => this.consider(found));
    // A file dropped beside the targets must not replace the page.
    for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  }

  /**
   * @param {HTMLElement} place
   * @param {string} className
   * @param {(found: Found[]) => void} take
   */
  dropTarget(place, className, take) {
    const carriesFiles = (/** @type {DragEvent} */ event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    place.addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
      place.classList.add(className);
    });
    place.addEventListener("dragleave", (event) => {
      if (!place.contains(/** @type {Node | null} */ (event.relatedTarget))) place.classList.remove(className);
    });
    place.addEventListener("drop", async (event) => {
      place.classList.remove(className);
      if (!carriesFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      event.stopPropagation();
      take(await droppedIn(event.dataTransfer));
    });
  }

  /**
   * Files for any candidates: they are put into the plan, and nothing is sent.
   * @param {Found[]} found
   */
  consider(found) {
    const { meant, hidden } = meantOf(found);
    if (meant.length === 0) {
      this.say(hidden.length > 0 ? "Only files were found that computers make for themselves. Nothing is to be sent." : "No file was found there.");
      return;
    }
    this.plan?.add(meant.map(({ file, path }) => new Chosen(file, path)), hidden);
  }

  /**
   * Files for one candidate, whose row they were chosen in: they are sent, unless something speaks against it.
   * @param {Row} row
   * @param {Found[]} found
   * @param {RowSlot} slot
   */
  choose(row, found, slot) {
    for (const { file, path } of meantOf(found).meant) {
      const chosen = new Chosen(file, path);
      const other = row.subject === "item" ? this.otherThan(row, file.name) : null;
      if (other && this.plan) this.plan.ask(chosen, row, other);
      else this.send(row, chosen, slot);
    }
  }

  /**
   * Return the doubt about a file whose name speaks of somebody else.
   * @param {Row} row
   * @param {string} name
   * @returns {Finding | null}
   */
  otherThan(row, name) {
    const numerals = numeralsOf(stemOf(name)).filter(({ counted }) => !counted);
    if (numerals.some(({ digits }) => digits === row.candidate)) return null;
    const known = numerals.find(({ digits }) => this.rows.some(({ candidate }) => candidate === digits));
    const stranger = known ?? numerals.find(({ leads, year }) => leads && !year);
    if (!stranger) return null;
    const who = known ? "another candidate of this sample" : "somebody who is not in this sample";
    return { level: "doubt", words: `Its name carries ${stranger.digits}, ${who}.`, remedy: `If it is the work of ${row.candidate} nevertheless, choose so here.` };
  }

  /**
   * Send a file.
   * @param {Row} row
   * @param {Chosen} chosen
   * @param {RowSlot} slot
   */
  send(row, chosen, slot) {
    const { file } = chosen;
    const twice = this.transfers.some(
      ({ row: other, slot: place, file: known, state }) =>
        other === row && place.key === slot.key && known.name === file.name && known.size === file.size && known.lastModified === file.lastModified &&
        !["stopped", "refused", "held", "rejected"].includes(state),
    );
    if (twice) {
      this.say(`${file.name} is already in the list of ${row.subject === "case" ? "" : "candidate "}${row.candidate}`);
      return;
    }
    this.transfers.push(new Transfer(this, row, chosen, slot));
    this.advance();
  }

  /**
   * Ask again about a file that was chosen for a candidate.
   * @param {Transfer} transfer
   * @param {Finding} finding
   */
  askAbout(transfer, finding) {
    this.forget(transfer);
    this.plan?.ask(transfer.chosen, transfer.row, finding);
  }

  /**
   * Return in words that this very content is here already, at this place; empty if it is not. It is not sent again.
   * @param {Transfer} transfer
   * @param {string} sha256
   * @returns {string}
   */
  sameAs(transfer, sha256) {
    const { row, slot } = transfer;
    const here = this.known(transfer).find((one) => one.sha256 === sha256 && one.item === row.item && one.slot === slot.key);
    return here ? `This is here already, as ${here.filename}. It is not sent again.` : "";
  }

  /**
   * Return the doubt about content that is here for somebody else.
   * @param {Transfer} transfer
   * @param {string} sha256
   * @returns {Finding | null}
   */
  doubtAbout(transfer, sha256) {
    const elsewhere = this.known(transfer).find((one) => one.sha256 === sha256 && one.item !== transfer.row.item);
    if (!elsewhere) return null;
    const words = `The same content was sent for ${this.nameOf(elsewhere.item)}, as ${elsewhere.filename}.`;
    return { level: "doubt", words, remedy: "If both are right, choose so here. If not, find out whose it is." };
  }

  /**
   * Return in words that this content is at this place already; empty if it is not.
   * @param {Known[]} known
   * @param {{item: string, slot: string}} place
   * @param {string} sha256
   */
  isHere(known, place, sha256) {
    const here = known.find((one) => one.sha256 === sha256 && one.item === place.item && one.slot === place.slot);
    return here ? `It is here already, as ${here.filename}, and is not sent again.` : "";
  }

  /**
   * Return in words that this content is here for somebody else; empty if it is not.
   * @param {Known[]} known
   * @param {{item: string, slot: string}} place
   * @param {string} sha256
   */
  isElsewhere(known, place, sha256) {
    const other = known.find((one) => one.sha256 === sha256 && one.item !== place.item);
    return other ? `The same content was sent for ${this.nameOf(other.item)}, as ${other.filename}. If both are right, say so by choosing.` : "";
  }

  /**
   * What is here or on its way: whose, where, and its content.
   * @param {Transfer | null} except
   * @returns {Known[]}
   */
  known(except) {
    const lines = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-item-id] [data-document-sha256]"));
    const here = [...lines].map((line) => ({
      item: /** @type {HTMLElement} */ (line.closest("[data-item-id]")).dataset.itemId ?? "",
      slot: line.dataset.documentSlot ?? "",
      sha256: line.dataset.documentSha256 ?? "",
      filename: line.dataset.documentName ?? "",
    }));
    const coming = this.transfers
      .filter((one) => one !== except && (one.state === "sending" || one.state === "paused" || (ALL_SENT.has(one.state) && one.state !== "rejected")))
      .map(({ row, slot, chosen, file }) => ({ item: row.item, slot: slot.key, sha256: chosen.sha256 ?? "", filename: file.name }));
    return [...here, ...coming].filter(({ sha256 }) => sha256 !== "");
  }

  /**
   * Return who somebody is, in words.
   * @param {string} item
   */
  nameOf(item) {
    return this.rows.find((row) => row.item === item)?.title ?? "another candidate";
  }

  /**
   * @param {{item: string, slot: string}} place
   * @returns {RowSlot | undefined}
   */
  slotOf(place) {
    return this.rows.find((row) => row.item === place.item)?.slots().find((slot) => slot.key === place.slot);
  }

  /** @param {Transfer} transfer */
  forget(transfer) {
    this.transfers = this.transfers.filter((other) => other !== transfer);
    this.changed();
  }

  advance() {
    if (this.held) return;
    for (const transfer of startable(this.transfers, AT_ONCE)) transfer.start();
  }

  /** @param {(transfer: Transfer) => boolean} which */
  restart(which) {
    for (const transfer of this.transfers) if (transfer.state === "stopped" && which(transfer)) transfer.queueAgain();
  }

  busy() {
    return this.transfers.some(({ state }) => ["waiting", "reading", "sending"].includes(state));
  }

  // ---- the sign-in, which may end while files are on their way

  /** An upload's token outlives the sign-in, so what is on its way goes on; what is new must wait. */
  signedOut() {
    const notice = /** @type {HTMLElement | null} */ (this.place.querySelector("[data-signed-out]"));
    if (notice?.hidden) {
      notice.hidden = false;
      this.say("You are not signed in any more. Files on their way go on. Sign in again in another tab, and come back.");
    }
    if (document.visibilityState === "visible" && document.hasFocus()) this.comeBack();
  }

  isSignedOut() {
    return this.transfers.some(({ signedOut }) => signedOut);
  }

  /** Go on with everything if somebody is signed in. */
  async comeBack() {
    if (this.asking || !(await this.renew())) return;
    const notice = /** @type {HTMLElement | null} */ (this.place.querySelector("[data-signed-out]"));
    if (notice) notice.hidden = true;
    for (const transfer of this.transfers.filter(({ signedOut }) => signedOut)) {
      transfer.signedOut = false;
      if (transfer.state === "unknown") transfer.check();
      else transfer.queueAgain();
    }
  }

  /**
   * Learn anew what is unfinished, and what requests must carry.
   * @returns {Promise<boolean>} whether somebody is signed in who may send work here
   */
  async renew() {
    this.asking = true;
    try {
      const answer = await fetch(`/api/cases/${this.caseId}/uploads`, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (!answer.ok) return false;
      this.csrfToken = answer.headers.get("X-CSRF-Token") ?? this.csrfToken;
      this.unfinished.renew((await answer.json()).uploads, this.caseId);
      return true;
    } catch {
      return false;
    } finally {
      this.asking = false;
    }
  }

  /**
   * @param {string} path
   * @param {object} body
   */
  askServer(path, body) {
    const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRF-Token": this.csrfToken };
    return fetch(path, { method: "POST", headers, body: JSON.stringify(body), cache: "no-store" });
  }

  // ---- all files together

  openQueue() {
    const queue = /** @type {HTMLElement | null} */ (this.place.querySelector("[data-queue]"));
    this.queue = queue;
    if (!queue) return;
    this.queueHeading = /** @type {HTMLElement} */ (queue.querySelector("[data-queue-heading]"));
    this.queueWords = /** @type {HTMLElement} */ (queue.querySelector("[data-queue-words]"));
    this.queueBar = /** @type {HTMLProgressElement} */ (queue.querySelector("[data-queue-bar]"));
    this.pauseAllButton = /** @type {HTMLButtonElement} */ (queue.querySelector("[data-queue-pause]"));
    this.cancelAllButton = /** @type {HTMLButtonElement} */ (queue.querySelector("[data-queue-cancel]"));
    this.pauseAllButton.addEventListener("click", () => (this.held ? this.resumeAll() : this.pauseAll()));
    this.cancelAllButton.addEventListener("click", () => this.cancelAll());
  }

  showQueue() {
    this.queueHeading?.focus();
  }

  focusStart() {
    /** @type {HTMLElement | null} */ (this.place.querySelector("[data-drop-button]"))?.focus();
  }

  pauseAll() {
    this.held = true;
    this.pace.forget();
    for (const transfer of this.transfers) if (transfer.state === "sending") transfer.pause();
    this.changed();
    this.say("Everything is paused. What has been sent is kept.");
  }

  resumeAll() {
    this.held = false;
    for (const transfer of this.transfers) if (transfer.state === "paused" || (transfer.state === "stopped" && transfer.lostConnection)) transfer.queueAgain();
    this.changed();
    this.say("Going on.");
  }

  cancelAll() {
    for (const transfer of [...this.transfers]) if (["waiting", "reading", "sending", "paused", "stopped"].includes(transfer.state)) transfer.cancel();
    this.held = false;
    this.changed();
    this.focusStart();
  }

  /** Bytes have gone: say so once a second at most. */
  progressed() {
    const now = performance.now();
    const { sent, total } = totals(this.transfers);
    this.pace.note(now, sent);
    if (now - this.toldAt < TOLD_EVERY_MS) return;
    this.toldAt = now;
    this.fillOverview();
    const quarter = total > 0 ? Math.floor((sent / total) * 4) : 0;
    if (quarter > this.toldQuarter && quarter < 4) {
      this.toldQuarter = quarter;
      this.say(`${quarter * 25}% of everything is sent.`);
    }
  }

  /** Called on every change of state of any transfer. */
  changed() {
    const released = this.transfers.filter(({ state }) => state === "released").length;
    const quiet = !this.transfers.some(({ state }) => ["waiting", "reading", "sending", "checking"].includes(state));
    if (this.reload) this.reload.hidden = !(quiet && released > 0);
    if (quiet && released > 0 && released !== this.toldReleased) this.say(`${counted(released, "file")} received and checked.`);
    if (quiet) {
      this.toldReleased = released;
      this.toldQuarter = 0;
      this.pace.forget();
    }
    this.fillOverview();
    queueMicrotask(() => this.advance());
  }

  fillOverview() {
    if (!this.queue || !this.queueWords || !this.queueBar || !this.pauseAllButton || !this.cancelAllButton || !this.queueHeading) return;
    const counting = this.transfers.filter(({ state }) => state !== "refused");
    this.queue.hidden = counting.length === 0;
    if (counting.length === 0) return;
    const { sent, total } = totals(this.transfers);
    const received = counting.filter(({ state }) => state === "released").length;
    const moving = counting.some(({ state }) => ["waiting", "reading", "sending", "paused"].includes(state));
    const speed = this.pace.bytesPerSecond();
    const seconds = this.pace.secondsFor(total - sent);
    const trouble = counting.filter(({ state }) => ["held", "rejected", "stopped"].includes(state)).length;
    this.queueBar.value = total > 0 ? Math.floor((sent / total) * 100) : 100;
    this.queueWords.textContent = [
      `${received} of ${counted(counting.length, "file")} received and checked.`,
      moving ? `${sizeInWords(sent)} of ${sizeInWords(total)} sent${speed > 0 && !this.held ? `, ${sizeInWords(Math.round(speed))} a second` : ""}.` : "",
      moving && seconds !== null && !this.held ? `${leftInWords(seconds).replace(/^a/u, "A")} left.` : "",
      this.held ? "Paused." : "",
      trouble > 0 ? `${counted(trouble, "file needs", "files need")} your attention below.` : "",
    ].filter(Boolean).join(" ");
    this.queueHeading.textContent = moving ? "Sending" : "Sent";
    this.pauseAllButton.hidden = !moving;
    this.pauseAllButton.textContent = this.held ? "Resume all" : "Pause all";
    this.cancelAllButton.hidden = !moving;
  }

  /** @param {string} words */
  say(words) {
    this.announcer.say(words);
  }
}

for (const place of document.querySelectorAll("[data-uploader]")) new Uploader(/** @type {HTMLElement} */ (place));
fetchLibraries();
