// The sample page's uploads: pick or drop files, send them by tus so that a broken connection resumes, and say
// "Received and checked" only when the server has said so.
//
// Markup: templates/macros/uploads.html. What this module reads:
//   [data-uploader]      data-endpoint, data-csrf-token (or <meta name="csrf-token">), data-accept, data-maximum-bytes
//     [data-drop-zone] [data-drop-input] [data-drop-button]   files for any candidates
//     [data-place] [data-place-heading] [data-place-list]     files that nobody could place
//     [data-uploader-status]                                  the live region; [data-uploader-reload]: a link, shown at the end
//     [data-item-id][data-candidate-number]                   one row for each candidate, holding
//       [data-files] (a list), [data-fallback] (the plain form, with [data-slot] and an input of type file), [data-send]
//
// What it says to the server:
//   POST endpoint          Upload-Metadata: filename, item, slot, filetype, sha256 · X-CSRF-Token
//                          ← Location, Upload-Token, Document-Location: /api/documents/<id>
//   HEAD, PATCH, DELETE    Upload-Token
//   GET Document-Location  ← {"state": "uploaded|verified|released|held|rejected", "reason": …, "remedy": …}
// A row sends the event "nea:document" (detail: state, reason, filename) when a document's state is final.

const CHUNK_BYTES = 8 * 1024 * 1024;
const HASH_UP_TO_BYTES = 64 * 1024 * 1024;
const RETRY_DELAYS_MS = [0, 1000, 3000, 5000, 10000, 20000, 30000];
const AT_ONCE = 2;
const ASK_FIRST_MS = 500;
const ASK_SLOWEST_MS = 5000;
const ASK_FOR_MS = 15 * 60 * 1000;
const FINAL = new Set(["released", "held", "rejected"]);

// ---- small things -------------------------------------------------------------------------------------------------

function element(name, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

function button(text, context) {
  const heard = element("span", { class: "govuk-visually-hidden", text: ` ${context}` });
  return element("button", { type: "button", class: "govuk-button govuk-button--secondary" }, text, heard);
}

function sizeInWords(bytes) {
  if (bytes < 1e3) return `${bytes} bytes`;
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

// The bytes' SHA-256 lets the server prove that what arrived is what was chosen. Whole-file hashing needs the file in
// memory, so a large file goes without; tus and the sealed parts still protect every byte on its way.
async function sha256(file) {
  if (file.size > HASH_UP_TO_BYTES || !globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// What is certainly wrong with a file, before a byte leaves; the server decides about everything else.
function refusal(file, limits) {
  if (file.size === 0) return "This file is empty. Open it, save it again, and choose it again.";
  if (limits.maximumBytes && file.size > limits.maximumBytes) {
    return `This file is ${sizeInWords(file.size)}; the largest allowed is ${sizeInWords(limits.maximumBytes)}. Save a smaller copy.`;
  }
  const name = file.name.toLowerCase();
  if (limits.accept.length > 0 && !limits.accept.some((ending) => name.endsWith(ending))) {
    return `This kind of file is not accepted here. Save it as one of: ${limits.accept.join(", ")}.`;
  }
  return "";
}

// The server answers with application/problem+json; its detail is written for the person who uploads.
function reasonOf(error) {
  try {
    const problem = JSON.parse(error.originalResponse.getBody());
    if (problem.detail || problem.title) return problem.detail || problem.title;
  } catch {
    // no answer, or none in JSON: say what the status says
  }
  const status = error?.originalResponse?.getStatus() ?? 0;
  if (status === 0) return "The connection was lost. What has been sent is kept: try again to send the rest.";
  if (status === 401 || status === 403) return "You are not signed in any more. Sign in, then choose the file again: only the rest is sent.";
  if (status === 413) return "This file is too large.";
  return `The server answered ${status}. Try again; if it happens again, ask for help.`;
}

// tus-js-client keeps {size, metadata, uploadUrl} of an unfinished upload in the browser's storage; ours adds the two
// things needed to go on after the page was closed: the upload's token and where its document will be.
class RememberingStorage {
  constructor(inner, transfer) {
    this.inner = inner;
    this.transfer = transfer;
  }
  findAllUploads() {
    return this.inner.findAllUploads();
  }
  findUploadsByFingerprint(fingerprint) {
    return this.inner.findUploadsByFingerprint(fingerprint);
  }
  removeUpload(key) {
    return this.inner.removeUpload(key);
  }
  async addUpload(fingerprint, upload) {
    const { token, documentLocation } = this.transfer;
    try {
      return await this.inner.addUpload(fingerprint, { ...upload, token, documentLocation });
    } catch {
      return null; // storage full or forbidden: the upload works, but cannot be resumed after the page is closed
    }
  }
}

// ---- one file on its way ------------------------------------------------------------------------------------------

class Transfer {
  constructor(uploader, row, file, slot) {
    this.uploader = uploader;
    this.row = row;
    this.file = file;
    this.slot = slot;
    this.state = "waiting"; // waiting → hashing → sending ⇄ paused → checking → released | held | rejected; stopped; cancelled
    this.token = null;
    this.documentLocation = null;
    this.upload = null;
    this.draw();
  }

  draw() {
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
    this.pauseButton.addEventListener("click", () => (this.state === "paused" ? this.resume() : this.pause()));
    this.againButton.addEventListener("click", () => this.queueAgain());
    this.cancelButton.addEventListener("click", () => this.cancel());
    this.row.list.append(this.line);
    this.become("waiting", "Waiting for its turn");
  }

  // Every change of state goes through here, so that the words, the buttons and the live region never disagree.
  become(state, words) {
    this.state = state;
    this.line.className = `app-files__file app-files__file--${state}`;
    this.status.textContent = words;
    const moving = ["waiting", "hashing", "sending", "paused"].includes(state);
    this.progress.hidden = !(["sending", "paused"].includes(state) || (state === "stopped" && this.bar.value > 0));
    this.pauseButton.hidden = !["sending", "paused"].includes(state);
    this.pauseButton.firstChild.textContent = state === "paused" ? "Resume" : "Pause";
    this.againButton.hidden = state !== "stopped" || this.refused === true;
    this.cancelButton.hidden = !(moving || state === "stopped");
    this.cancelButton.firstChild.textContent = state === "stopped" ? "Remove from list" : "Cancel";
    this.actions.hidden = [...this.actions.children].every((child) => child.hidden);
    this.uploader.changed();
  }

  refuse(words) {
    this.refused = true;
    this.become("stopped", words);
    this.uploader.say(`${this.file.name}: ${words}`);
  }

  showProgress(sent, total) {
    const percent = total > 0 ? Math.floor((sent / total) * 100) : 0;
    this.bar.value = percent;
    this.percent.textContent = `${percent}%`;
  }

  // One start at a time: pausing while the file is being hashed leaves it paused.
  async start() {
    this.become("hashing", "Reading the file");
    try {
      this.digest ??= await sha256(this.file);
    } catch {
      this.refuse("The browser could not read this file. It may have been moved or renamed: choose it again.");
      return;
    }
    if (this.state !== "hashing") return;
    if (!this.upload) await this.prepare();
    if (this.state !== "hashing") return;
    this.become("sending", "Sending");
    this.upload.start();
  }

  async prepare() {
    const { tus } = globalThis;
    const { file, row, slot, uploader } = this;
    const metadata = { filename: file.name, [row.subject]: row.item, slot: slot.key };
    if (file.type) metadata.filetype = file.type;
    if (this.digest) metadata.sha256 = this.digest;
    const upload = new tus.Upload(file, {
      endpoint: uploader.endpoint,
      metadata,
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      removeFingerprintOnSuccess: true,
      urlStorage: new RememberingStorage(tus.defaultOptions.urlStorage, this),
      // The same file for another candidate or another slot is another upload; a changed file is another upload too.
      fingerprint: async () =>
        ["nea", uploader.endpoint, row.item, slot.key, file.name, file.size, this.digest ?? file.lastModified].join("|"),
      onBeforeRequest: (request) => {
        if (request.getMethod() === "POST") request.setHeader("X-CSRF-Token", uploader.csrfToken);
        else if (this.token) request.setHeader("Upload-Token", this.token);
      },
      onAfterResponse: (request, response) => {
        if (request.getMethod() === "POST") this.token = response.getHeader("Upload-Token") ?? this.token;
        this.documentLocation = response.getHeader("Document-Location") ?? this.documentLocation;
      },
      onShouldRetry: (error) => {
        const status = error?.originalResponse?.getStatus() ?? 0;
        // 409 on PATCH is an offset that moved on: asking again finds it. 409 on POST is the server's "no": a locked sample.
        const moved = status === 409 && error.originalRequest?.getMethod() === "PATCH";
        return status === 0 || moved || status === 423 || status === 429 || status >= 500;
      },
      onProgress: (sent, total) => this.showProgress(sent, total),
      onError: (error) => {
        const status = error?.originalResponse?.getStatus() ?? 0;
        this.lostConnection = status === 0;
        const words = reasonOf(error);
        this.become("stopped", words);
        this.uploader.say(`${file.name}: ${words}`);
      },
      onSuccess: () => this.check(),
    });
    const earlier = (await upload.findPreviousUploads()).filter((stored) => stored.token);
    if (earlier.length > 0) {
      const last = earlier.reduce((one, other) => (Date.parse(one.creationTime) > Date.parse(other.creationTime) ? one : other));
      this.token = last.token;
      this.documentLocation = last.documentLocation ?? null;
      upload.resumeFromPreviousUpload(last);
      this.uploader.say(`${file.name}: going on from where it stopped`);
    }
    this.upload = upload;
  }

  async pause() {
    this.become("paused", "Paused. You can close this page and choose the same file later: only the rest is sent.");
    await this.upload?.abort();
  }

  resume() {
    this.queueAgain();
  }

  queueAgain() {
    this.lostConnection = false;
    this.become("waiting", "Waiting for its turn");
    this.uploader.advance();
    this.line.querySelector("button:not([hidden])")?.focus();
  }

  async cancel() {
    const name = this.file.name;
    const unfinished = this.upload;
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
    this.become("checking", "All sent. The server is checking it");
    if (!this.documentLocation) {
      this.become("unknown", "All sent. Reload this page to see whether it was accepted.");
      return;
    }
    const until = Date.now() + ASK_FOR_MS;
    let wait = ASK_FIRST_MS;
    while (Date.now() < until) {
      const answer = await this.ask();
      if (answer.final) {
        this.finish(answer.state, answer.reason);
        return;
      }
      if (answer.stop) {
        this.become("unknown", answer.stop);
        this.uploader.say(`${this.file.name}: ${answer.stop}`);
        return;
      }
      await new Promise((done) => setTimeout(done, wait));
      wait = Math.min(wait * 1.5, ASK_SLOWEST_MS);
    }
    this.become("unknown", "All sent, and still being checked. Reload this page later to see the result.");
  }

  async ask() {
    try {
      const response = await fetch(this.documentLocation, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (response.status === 401 || response.status === 403) {
        return { stop: "All sent. Sign in again to see whether it was accepted." };
      }
      if (!response.ok) return {}; // not there yet, or a server that is being restarted: ask again
      const { state, reason, remedy } = await response.json();
      return { final: FINAL.has(state), state, reason: [reason, remedy].filter(Boolean).join(" ") };
    } catch {
      return {}; // no network: ask again
    }
  }

  finish(state, reason) {
    const words = {
      released: "Received and checked",
      held: `Held, not yet accepted: ${reason || "somebody has to look at it."}`,
      rejected: `Not accepted: ${reason || "choose another file."}`,
    }[state];
    this.become(state, words);
    this.uploader.say(`${this.file.name}: ${words}`);
    const detail = { state, reason: reason || null, filename: this.file.name };
    this.row.place.dispatchEvent(new CustomEvent("nea:document", { bubbles: true, detail }));
  }
}

// ---- the page ----------------------------------------------------------------------------------------------------

// What a place takes: endings of file names, and a size; empty and 0 where the page does not say.
function limitsOf({ accept, maximumBytes }) {
  return {
    accept: (accept || "").split(",").map((ending) => ending.trim().toLowerCase()).filter((ending) => ending.startsWith(".")),
    maximumBytes: Number(maximumBytes) || 0,
  };
}

class Row {
  constructor(uploader, place) {
    this.place = place;
    this.item = place.dataset.itemId;
    this.subject = place.dataset.subject ?? "item"; // "case" for files about the whole group
    this.candidate = place.dataset.candidateNumber ?? "the whole group";
    this.list = place.querySelector("[data-files]");
    const form = place.querySelector("[data-fallback]");
    this.open = form !== null; // a locked row has no form
    if (!form) return;
    this.slotControl = form.querySelector("[data-slot]");
    this.input = form.querySelector("input[type=file]");
    form.querySelector("[data-send]").hidden = true; // choosing a file sends it
    form.addEventListener("submit", (event) => event.preventDefault());
    this.input.addEventListener("change", () => {
      uploader.add(this, [...this.input.files], this.slot());
      this.input.value = ""; // so that the same file can be chosen again
    });
    uploader.dropTarget(place, "app-upload-row--over", (files) => uploader.add(this, files, this.slot()));
  }

  slots() {
    const control = this.slotControl;
    if (control instanceof HTMLSelectElement)
      return [...control.options].map((option) => ({ key: option.value, title: option.text, limits: limitsOf(option.dataset) }));
    return [{ key: control?.value ?? "work", title: control?.dataset.slotTitle ?? "Work", limits: limitsOf(control?.dataset ?? {}) }];
  }

  slot() {
    const key = this.slotControl?.value ?? "work";
    return this.slots().find((slot) => slot.key === key);
  }
}

class Uploader {
  constructor(place) {
    const { endpoint, csrfToken, accept, maximumBytes } = place.dataset;
    this.place = place;
    this.endpoint = endpoint || "/uploads";
    this.csrfToken = csrfToken || document.querySelector('meta[name="csrf-token"]')?.content || "";
    this.limits = limitsOf({ accept, maximumBytes });
    this.status = place.querySelector("[data-uploader-status]");
    this.reload = place.querySelector("[data-uploader-reload]");
    this.transfers = [];
    // Rows may also stand beside the uploader's element, as when a page makes that element a form.
    const rows = place.querySelectorAll("[data-item-id]");
    this.rows = [...(rows.length > 0 ? rows : document.querySelectorAll("[data-item-id]"))].map((row) => new Row(this, row));
    this.rows = this.rows.filter((row) => row.open);
    if (this.rows.length > 0) this.openDropZone();
    // A connection that comes back restarts what its loss had stopped.
    addEventListener("online", () => {
      for (const transfer of this.transfers) if (transfer.state === "stopped" && transfer.lostConnection) transfer.queueAgain();
    });
    addEventListener("beforeunload", (event) => {
      if (this.busy()) event.preventDefault();
    });
  }

  openDropZone() {
    const zone = this.place.querySelector("[data-drop-zone]");
    if (!zone) return;
    const input = zone.querySelector("[data-drop-input]");
    zone.hidden = false;
    zone.querySelector("[data-drop-button]").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.allocate([...input.files]);
      input.value = "";
    });
    this.dropTarget(zone, "app-drop--over", (files) => this.allocate(files));
    // A file dropped beside the targets must not replace the page.
    for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  }

  dropTarget(place, className, take) {
    const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    place.addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      place.classList.add(className);
    });
    place.addEventListener("dragleave", (event) => {
      if (!place.contains(event.relatedTarget)) place.classList.remove(className);
    });
    place.addEventListener("drop", (event) => {
      place.classList.remove(className);
      if (!carriesFiles(event)) return;
      event.preventDefault();
      event.stopPropagation();
      take([...event.dataTransfer.files]);
    });
  }

  // "0042-essay.pdf" goes to candidate 0042; a name that starts with more than four digits is not a candidate number.
  allocate(files) {
    let placed = 0;
    const unplaced = [];
    for (const file of files) {
      const number = /^(\d{4})(?!\d)/.exec(file.name)?.[1];
      const row = this.rows.find((candidate) => candidate.candidate === number);
      if (row && row.slots().length === 1) {
        this.add(row, [file], row.slots()[0]);
        placed += 1;
      } else {
        unplaced.push([file, row]);
      }
    }
    for (const [file, row] of unplaced) this.askWhere(file, row);
    if (unplaced.length > 0) this.place.querySelector("[data-place-heading]").focus();
    if (files.length > 0) this.say(`${placed} of ${files.length} files placed by candidate number. ${unplaced.length} for you to place.`);
  }

  askWhere(file, likely) {
    const area = this.place.querySelector("[data-place]");
    const list = area.querySelector("[data-place-list]");
    const id = `place-${(this.placeCount = (this.placeCount ?? 0) + 1)}`;
    const choice = element("select", { class: "govuk-select", id }, element("option", { value: "", text: "Choose a candidate" }));
    for (const row of this.rows) {
      for (const slot of row.slots()) {
        const several = row.slots().length > 1;
        const text = several ? `${row.candidate}, ${slot.title}` : row.candidate;
        const option = element("option", { value: JSON.stringify([row.item, slot.key]), text });
        if (row === likely && !choice.value) option.selected = true;
        choice.append(option);
      }
    }
    const label = element("label", { class: "govuk-label", for: id, text: `${file.name} (${sizeInWords(file.size)})` });
    const upload = button("Upload", file.name);
    const leave = button("Leave out", file.name);
    const line = element("div", { class: "app-place__file" }, element("div", { class: "govuk-form-group" }, label, choice), upload, leave);
    const done = () => {
      line.remove();
      area.hidden = list.children.length === 0;
      (list.querySelector("select") ?? this.place.querySelector("[data-drop-button]")).focus();
    };
    upload.addEventListener("click", () => {
      if (!choice.value) {
        this.say(`Choose a candidate for ${file.name} first`);
        choice.focus();
        return;
      }
      const [item, key] = JSON.parse(choice.value);
      const row = this.rows.find((candidate) => candidate.item === item);
      this.add(row, [file], row.slots().find((slot) => slot.key === key));
      done();
    });
    leave.addEventListener("click", done);
    list.append(line);
    area.hidden = false;
  }

  add(row, files, slot) {
    for (const file of files) {
      const twice = this.transfers.some(
        ({ row: other, file: known, state }) =>
          other === row && known.name === file.name && known.size === file.size && known.lastModified === file.lastModified &&
          !["stopped", "held", "rejected"].includes(state),
      );
      if (twice) {
        this.say(`${file.name} is already in the list of ${row.subject === "case" ? "" : "candidate "}${row.candidate}`);
        continue;
      }
      const transfer = new Transfer(this, row, file, slot);
      this.transfers.push(transfer);
      const ofSlot = slot.limits ?? this.limits;
      const words = refusal(file, {
        accept: ofSlot.accept.length > 0 ? ofSlot.accept : this.limits.accept,
        maximumBytes: ofSlot.maximumBytes || this.limits.maximumBytes,
      });
      if (words) transfer.refuse(words);
    }
    this.advance();
  }

  forget(transfer) {
    this.transfers = this.transfers.filter((other) => other !== transfer);
    this.advance();
  }

  // Two at a time: more would only share the same line, and one stalled file should not stop the others.
  advance() {
    const going = this.transfers.filter(({ state }) => state === "hashing" || state === "sending").length;
    const waiting = this.transfers.filter(({ state }) => state === "waiting");
    for (const transfer of waiting.slice(0, Math.max(0, AT_ONCE - going))) transfer.start();
  }

  busy() {
    return this.transfers.some(({ state }) => ["waiting", "hashing", "sending"].includes(state));
  }

  // Called on every change of state of any transfer.
  changed() {
    const released = this.transfers.filter(({ state }) => state === "released").length;
    const quiet = !this.transfers.some(({ state }) => ["waiting", "hashing", "sending", "checking"].includes(state));
    if (this.reload) this.reload.hidden = !(quiet && released > 0);
    queueMicrotask(() => this.advance());
  }

  say(words) {
    if (this.status) this.status.textContent = words;
  }
}

if (globalThis.tus?.isSupported) {
  for (const place of document.querySelectorAll("[data-uploader]")) new Uploader(place);
}
