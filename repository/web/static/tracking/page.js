// The scanning station: one field into which a scanner types, hundreds of times an hour. Each scan is kept before anything
// else is done with it; the keyboard comes back to the field after everything.
import { fill } from "../dom.js";
import { nameOf } from "./judging.js";
import { Queue } from "./queue.js";
import { asScanned, readScan } from "./reading.js";
import { play } from "./sounds.js";
import { byId, showCounters, showHistory, showLight, showProblems, showResult, showWarnings } from "./views.js";

const AGAIN_MS = 10_000;
const PATIENCE_MS = 1500;
const CLOCK_TOLERANCE_MS = 120_000;

/** @typedef {import("./judging.js").Scan} Scan */
/** @typedef {import("./queue.js").Setup} Setup */

const station = byId("station");
/** @param {string} name */
const given = (name) => JSON.parse(station.dataset[name] ?? "{}");
const words = /** @type {Record<string, string>} */ (given("words"));
const said = {
  words,
  odd: new Map(Object.entries(given("odd"))),
  done: new Map(Object.entries(given("done"))),
  icons: new Map(Object.entries(given("icons"))),
  once: new Set(/** @type {string[]} */ (given("once"))),
  modes: new Map(/** @type {{value: string, text: string}[]} */ (given("modes")).map((one) => [one.value, one.text])),
};
const commands = new Map(Object.entries(given("commands")));
const kinds = new Map(Object.entries(given("kinds")));

const form = /** @type {HTMLFormElement} */ (byId("station-form"));
const field = /** @type {HTMLInputElement} */ (byId("label"));
const countField = /** @type {HTMLInputElement} */ (byId("script_count"));
/** @type {?Queue} */
let queue = null;
/** What the next scan alone means. */
let once = "";
/** The packet that is open on the table and not counted yet. @type {?Scan} */
let uncounted = null;
/** @type {import("./queue.js").Link} */
let link = "done";
/** @type {?Promise<void>} */
let sending = null;
let begun = () => {};
/** Scans are taken one after another, from the moment on from which it is known whose they are. @type {Promise<void>} */
let taking = new Promise((resolve) => {
  begun = resolve;
});
/** What was scanned before it was known where the station is. @type {string[]} */
let early = [];
let isQuiet = false;
let isSettingUp = false;
/** @type {string[]} */
let warnings = [];

/** @param {string} kind */
const sound = (kind) => !isQuiet && play(kind);

/** @param {string} name */
const valueOf = (name) => {
  const found = form.elements.namedItem(name);
  return found instanceof RadioNodeList || found instanceof HTMLInputElement || found instanceof HTMLSelectElement ? found.value.trim() : "";
};

function focus() {
  if (isSettingUp) return;
  (uncounted ? countField : field).focus();
}

function show() {
  if (queue === null) return;
  const { setup } = queue;
  const waiting = queue.waiting.length;
  showLight(said, { waiting, link });
  showCounters(queue.counters, waiting);
  showHistory(said, queue.scans);
  const now = [...warnings];
  if (queue.others > 0) now.push(queue.others === 1 ? words.others_one : fill(words.others, { n: queue.others }));
  if (Math.abs(queue.clockBehindMs) > CLOCK_TOLERANCE_MS) now.push(fill(words.clock_off, { n: Math.round(Math.abs(queue.clockBehindMs) / 60_000) }));
  showWarnings(now);
  byId("station-mode").textContent = setup ? said.modes.get(once || setup.kind) ?? "" : "";
  byId("station-where").textContent = setup ? [placeOf(setup), setup.kind === "opened" ? setup.second || setup.camera : ""].filter(Boolean).join(" · ") : "";
  byId("station-setup").hidden = !isSettingUp;
  byId("station-start").hidden = !isSettingUp;
  byId("station-now").hidden = isSettingUp;
  byId("station-scan").hidden = isSettingUp;
  byId("station-count").hidden = isSettingUp || uncounted === null;
  byId("station-more").hidden = isSettingUp;
  byId("result").hidden = isSettingUp;
}

/** @param {Setup} setup */
function placeOf(setup) {
  const select = form.elements.namedItem("site");
  const chosen = select instanceof HTMLSelectElement ? [...select.options].find((one) => one.value === setup.site) : null;
  return setup.site ? chosen?.text ?? setup.site : setup.place;
}

/** Sends what waits, now; scans made meanwhile go with the next round. */
function send() {
  if (queue === null || sending) return;
  const own = queue;
  const wasReady = own.isReady;
  sending = (own.isReady && own.waiting.length > 0 ? own.send() : own.begin().then((state) => ({ link: state, done: [] })))
    .then((result) => {
      link = result.link;
      tell(result.done);
    }, (error) => {
      link = "trouble";
      console.info("station:", error);
    })
    .finally(() => {
      sending = null;
      if (!wasReady && own.isReady) resume();
      show();
      if (link === "done" && own.waiting.length > 0) send();
    });
}

/** Says what became of scans: what needs a hand before anything else. @param {Scan[]} done */
function tell(done) {
  const last = queue?.scans.at(-1);
  const told = done.findLast((one) => one.outcome === "attention") ?? done.findLast((one) => one.outcome === "unread") ?? done.find((one) => one === last);
  if (!told || uncounted) return;
  showResult(said, told.outcome, told.word, told.note);
  if (told.again && told.outcome === "repeated") return; // that was heard when it was scanned
  sound(told.outcome === "undone" ? "accepted" : told.outcome);
}

/** Shows that the last scan is kept, or was scanned before; that it is not with the service yet is said only when that takes long. @param {Scan} scan */
function wait(scan) {
  const name = scan.packet ? `${nameOf(said, scan.packet)}.` : scan.text;
  if (scan.again) {
    refuse("repeated", words.repeated, `${name} ${words.repeated_waiting}`);
    return;
  }
  showResult(said, "waiting", words.waiting, `${name} ${scan.kind === "withdrawn" ? words.undo_waiting_text : words.waiting_text}`);
  setTimeout(() => scan.isWaiting && queue?.scans.at(-1) === scan && sound("waiting"), link === "done" ? PATIENCE_MS : 0);
}

/** @param {string} kind @param {string} word @param {string} text */
function refuse(kind, word, text) {
  showResult(said, kind, word, text);
  sound(kind);
}

/** @param {Partial<Scan>} more @returns {Scan} */
function scanOf(more) {
  const setup = /** @type {Setup} */ (queue?.setup);
  return {
    id: crypto.randomUUID(), seq: queue?.next ?? 1, at: new Date().toISOString(), text: "", kind: once || setup.kind, label: "", number: "",
    site: setup.site, place: setup.place, count: null, second: "", camera: "", corrects: "", again: false, isWaiting: true,
    outcome: "waiting", word: words.waiting, note: "", packet: null, isRecorded: false, isUndone: false, ...more,
  };
}

/** Takes what was typed into the field. @param {string} untrusted */
async function take(untrusted) {
  if (untrusted.trim() === "") return;
  if (queue === null || !queue.isReady) {
    refuse("attention", words.not_recorded, queue === null ? words.nothing_kept : words.not_ready);
    return;
  }
  const left = uncounted !== null;
  uncounted = null;
  const read = readScan(untrusted, commands);
  if ("command" in read) await command(read.command);
  else if ("problem" in read) await unread(untrusted, read.problem);
  else await scanned(read, asScanned(untrusted));
  if (left) warnings = [words.count_left];
  show();
  focus();
}

/** @param {{label: import("../despatch/codes.js").Label}|{number: string}} read @param {string} text */
async function scanned(read, text) {
  const packet = "label" in read ? { id: "", number: read.label.number, of: read.label.of, centre: read.label.centre, component: read.label.component } : null;
  const scan = scanOf({ text, packet, label: "label" in read ? read.label.payload : "", number: "number" in read ? read.number : "" });
  warnings = [];
  once = "";
  if (scan.kind === "opened") {
    uncounted = scan;
    countField.value = "";
    showResult(said, "count", words.count, scan.packet ? `${nameOf(said, scan.packet)}.` : text);
    return;
  }
  await keep(scan);
}

/** @param {Scan} scan */
async function keep(scan) {
  scan.again = queue?.had(scan) ?? false;
  await queue?.add(scan);
  wait(scan);
  send();
}

/** @param {string} untrusted @param {"unread"|"cover"|"number"} problem */
async function unread(untrusted, problem) {
  const note = problem === "cover" ? words.cover_text : problem === "number" ? words.number_text : words.unread_text;
  const scan = scanOf({ text: asScanned(untrusted).slice(0, 80), isWaiting: false, outcome: "unread", word: words.unread, note });
  queue?.count("unread", 1);
  await queue?.add(scan);
  refuse("unread", words.unread, note);
}

/** Takes the number that was counted; whatever is no number is the next scan. @param {string} typed */
async function takeCount(typed) {
  if (uncounted === null) return;
  if (!/^[0-9]{1,3}$/.test(typed.trim())) {
    if (/[|~¦]/.test(typed) || typed.trim().length > 7) await take(typed);
    else refuse("unread", words.count, words.count_wrong);
    focus();
    return;
  }
  const setup = /** @type {Setup} */ (queue?.setup);
  const scan = { ...uncounted, at: new Date().toISOString(), count: Number(typed.trim()), second: setup.second, camera: setup.camera };
  uncounted = null;
  await keep(scan);
  show();
  focus();
}

/** @param {string} name */
async function command(name) {
  warnings = [];
  if (name === "UNDO") await undo();
  else if (name === "RESET") await reset();
  else await change(kinds.get(name) ?? "received");
}

/** @param {string} kind */
async function change(kind) {
  const setup = /** @type {Setup} */ (queue?.setup);
  if (said.once.has(kind)) once = kind;
  else {
    once = "";
    if (kind === "opened" && !setup.second && !setup.camera) {
      open({ ...setup, kind }, [["second_operator", words.second_missing]]);
      return;
    }
    await queue?.settle({ ...setup, kind });
  }
  showResult(said, "ready", said.modes.get(kind) ?? "", words.ready);
  sound("accepted");
}

/** Takes back the last scan: by an event that names it, so that both stay in the history. */
async function undo() {
  const last = queue?.scans.at(-1);
  const target = last?.kind === "withdrawn" ? null : last;
  if (last?.kind === "withdrawn") refuse("unread", words.undo_none, words.undo_twice_text);
  else if (!target || (!target.isWaiting && !target.isRecorded)) {
    refuse("unread", words.undo_none, target?.outcome === "repeated" ? words.undo_stands_text : words.undo_none_text);
  } else {
    target.isUndone = true;
    await queue?.write([target]);
    await keep(scanOf({ text: target.text, kind: "withdrawn", label: target.label, number: target.number, site: target.site, place: target.place, packet: target.packet, corrects: target.id }));
  }
}

async function reset() {
  await queue?.reset();
  showResult(said, "ready", words.reset, words.ready);
}

/** Asks where the station is and what is being done. @param {?Setup} setup @param {[string, string][]} [problems] */
function open(setup, problems = []) {
  isSettingUp = true;
  if (setup) {
    for (const [name, value] of Object.entries({ site: setup.site, place: setup.place, kind: setup.kind, second_operator: setup.second, camera: setup.camera })) {
      const found = form.elements.namedItem(name);
      if (found instanceof RadioNodeList || found instanceof HTMLInputElement || found instanceof HTMLSelectElement) found.value = value;
    }
  }
  show();
  showProblems(problems);
  if (problems.length === 0) (document.getElementById("site") ?? byId("place")).focus();
}

async function settle() {
  const chosen = valueOf("kind") || "received";
  const before = queue?.setup?.kind ?? "received";
  const setup = { site: valueOf("site"), place: valueOf("place"), kind: said.once.has(chosen) ? before : chosen, second: valueOf("second_operator"), camera: valueOf("camera") };
  /** @type {[string, string][]} */
  const problems = [];
  if (!setup.site && !setup.place) problems.push(["place", words.site_missing]);
  if (setup.kind === "opened" && !setup.second && !setup.camera) problems.push(["second_operator", words.second_missing]);
  showProblems(problems);
  if (problems.length > 0) return;
  once = said.once.has(chosen) ? chosen : "";
  if (!queue?.isReady) {
    showProblems([["label", words.not_ready]]);
    return;
  }
  isSettingUp = false;
  await queue.settle(setup);
  showResult(said, "ready", words.ready, said.modes.get(once || setup.kind) ?? "");
  show();
  focus();
  const waited = early;
  early = [];
  for (const typed of waited) await take(typed);
}

/** One after another, so that two scans never meet. @param {() => Promise<void>} work */
function inTurn(work) {
  taking = taking.then(work).catch((error) => {
    console.info("station:", error);
    refuse("attention", words.not_recorded, words.nothing_kept);
  });
}

/** @param {SubmitEvent} event */
function onSubmit(event) {
  event.preventDefault();
  const isCount = document.activeElement === countField;
  const typed = isCount ? countField.value : field.value;
  (isCount ? countField : field).value = "";
  inTurn(async () => {
    if (isSettingUp && typed.trim() === "") await settle();
    else if (isSettingUp) early.push(typed);
    else await (isCount && uncounted ? takeCount(typed) : take(typed));
  });
}

/** A scanner types wherever the keyboard is: what it types goes into the field. @param {KeyboardEvent} event */
function onKey(event) {
  if (isSettingUp || event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!(event.target instanceof Element) || event.target.closest("input, select, textarea")) return;
  focus();
}

/** @param {MouseEvent} event */
function onClick(event) {
  if (event.target instanceof Element && event.target.closest("a, button, input, select, textarea, label, summary, [tabindex]")) return;
  if (getSelection()?.isCollapsed ?? true) focus();
}

function listen() {
  byId("station-record").hidden = true;
  byId("station-start").addEventListener("click", () => inTurn(settle));
  byId("station-change").addEventListener("click", () => open(queue?.setup ?? null));
  byId("station-undo").addEventListener("click", () => inTurn(async () => {
    await undo();
    show();
    focus();
  }));
  byId("station-reset").addEventListener("click", () => inTurn(async () => {
    await reset();
    show();
    focus();
  }));
  byId("station-sounds").addEventListener("click", () => {
    isQuiet = !isQuiet;
    localStorage.setItem("nea-station-quiet", isQuiet ? "yes" : "");
    byId("station-sounds").textContent = isQuiet ? words.sounds_off : words.sounds_on;
    focus();
  });
  for (const one of document.querySelectorAll("[data-sound]")) one.addEventListener("click", () => play(/** @type {HTMLElement} */ (one).dataset.sound ?? ""));
  document.addEventListener("keydown", onKey, { capture: true });
  document.addEventListener("click", onClick);
  window.addEventListener("focus", () => document.activeElement === document.body && focus());
  window.addEventListener("online", send);
  window.addEventListener("offline", () => {
    link = "offline";
    show();
  });
  setInterval(() => (link !== "done" || (queue?.waiting.length ?? 0) > 0) && send(), AGAIN_MS);
}

/** Makes the page open without a line from now on. */
async function register() {
  const types = /** @type {any} */ (globalThis).trustedTypes;
  const address = types?.createPolicy ? types.createPolicy("nea-worker", { createScriptURL: () => "/tracking/worker.js" }).createScriptURL("") : "/tracking/worker.js";
  await navigator.serviceWorker.register(address, { scope: "/tracking" });
}

/** Waits until no other window of this browser is the station: two would send the same scans. */
function alone() {
  return new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    const late = setTimeout(() => {
      form.hidden = true;
      showWarnings([words.second_window]);
    }, PATIENCE_MS);
    navigator.locks.request("nea-station", () => {
      clearTimeout(late);
      form.hidden = false;
      resolve();
      return new Promise(() => {});
    });
  });
}

async function begin() {
  form.addEventListener("submit", onSubmit);
  await alone();
  try {
    queue = await Queue.open(said);
  } catch (error) {
    console.info("station:", error);
    form.removeEventListener("submit", onSubmit); // the plain form, as without scripts
    showWarnings([words.nothing_kept]);
    begun();
    return;
  }
  isQuiet = localStorage.getItem("nea-station-quiet") === "yes";
  byId("station-sounds").textContent = isQuiet ? words.sounds_off : words.sounds_on;
  link = navigator.onLine ? await queue.begin() : "offline";
  listen();
  resume();
  begun();
  register().catch((error) => console.info("station:", error)); // without it the page stays open, and is not loaded anew
  if (queue.waiting.length > 0) send();
}

/** Goes on where the person left off, or asks where the station is. */
function resume() {
  const setup = queue?.setup ?? null;
  if (setup === null) {
    open(null);
    return;
  }
  isSettingUp = false;
  showResult(said, "ready", words.ready, said.modes.get(setup.kind) ?? "");
  show();
  focus();
}

begin();
