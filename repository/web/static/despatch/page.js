// The despatch log on a phone: works from what it keeps, whether there is a line or not, and sends when there is one.
import { fill } from "../dom.js";
import { Store } from "../sealed-store.js";
import { Camera, prepare, readPhotograph } from "./camera.js";
import { findTyped } from "./codes.js";
import { HandForm, SealForm } from "./forms.js";
import { Signature } from "./signature.js";
import { sendAll } from "./sync.js";
import { byId, dayAndTime, showLight, showLog, showPackets, showProblems, showWarnings, stateOf, timeOf } from "./views.js";

const AGAIN_MS = 60_000;
const CLOCK_TOLERANCE_MS = 120_000;

/** @typedef {import("./views.js").PlannedPacket} PlannedPacket */

const words = /** @type {Record<string, string>} */ (JSON.parse(byId("despatch").dataset.words ?? "{}"));
/** @type {?Store} */
let store = null;
/** @type {any} */
let plan = null;
/** @type {import("./sync.js").Kept[]} */
let kept = [];
/** @type {any[]} */
let pictures = [];
/** @type {string[]} */
let warnings = [];
let link = "sending";
let others = 0;
let names = { sealed_by: "", witnessed_by: "", storage_location: "" };
/** @type {Set<string>} */
const chosen = new Set();
/** @type {?Promise<void>} */
let sending = null;
let isAskedAgain = false;

const sealForm = new SealForm(words);
const handForm = new HandForm(words, new Signature(/** @type {HTMLCanvasElement} */ (byId("signature")), () => {}));
const camera = new Camera(/** @type {HTMLVideoElement} */ (byId("camera")));

/** Shows one of the three parts of the page. @param {"list"|"seal"|"hand"} part */
function go(part) {
  for (const one of ["list", "seal", "hand"]) byId(`part-${one}`).hidden = one !== part;
  byId("warnings").hidden = part !== "list";
  showProblems(words, []);
  if (part !== "list") byId(`${part}-heading`).focus();
  else window.scrollTo(0, 0);
}

function show() {
  const waiting = kept.filter((one) => one.state !== "refused").length;
  showLight(words, { waiting, link, since: plan?.fetched_at ?? null });
  const behind = plan?.clock_behind_ms ?? 0;
  const said = [...warnings];
  if (Math.abs(behind) > CLOCK_TOLERANCE_MS) said.push(fill(behind > 0 ? words.clock_behind : words.clock_ahead, { n: Math.round(Math.abs(behind) / 60_000) }));
  if (others > 0) said.push(fill(words.others, { n: others }));
  if (store && plan === null && link !== "sending") said.push(words.no_plan);
  showWarnings(said);
  if (plan === null) return;
  byId("plan-age").textContent = fill(words.plan_of, { time: dayAndTime(plan.fetched_at) });
  const packets = /** @type {PlannedPacket[]} */ (plan.packets);
  showPackets(words, packets, kept, chosen, (one) => openSeal(one));
  showLog(words, { kept, pictures, log: plan.log, packets }, { onCorrect: correct, onRemove: remove });
  const booked = plan.bookings.map((/** @type {any} */ one) => fill(words.booked, { time: dayAndTime(one.collection_at), reference: one.reference }));
  const helpdesk = plan.helpdesk ? fill(words.helpdesk, { number: plan.helpdesk }) : words.helpdesk_none;
  byId("collection-words").textContent = [plan.scheduled ? words.scheduled : words.not_scheduled, ...booked, helpdesk].join(" ");
}

async function look() {
  if (store?.person) {
    plan = (await store.all("plan"))[0] ?? plan;
    kept = (await store.all("entry/")).sort((one, other) => one.seq - other.seq);
    pictures = await store.all("picture/");
    names = (await store.all("names"))[0] ?? names;
    others = await store.ofOthers("entry/");
    for (const one of kept) if (one.state !== "refused") for (const label of labelsOf(one.entry)) if (one.entry.kind === "handed_over") chosen.delete(label);
  }
  show();
}

/** @param {any} entry @returns {string[]} */
const labelsOf = (entry) => (entry.kind === "sealed" ? [entry.label] : (entry.packets ?? []).map((/** @type {any} */ one) => one.label));

/** Sends what waits, now; asked while it is sending, once more afterwards. */
function send() {
  if (store === null) return;
  if (sending) {
    isAskedAgain = true;
    return;
  }
  const own = store;
  if (kept.length > 0) link = "sending";
  show();
  sending = sendAll(own)
    .then((outcome) => {
      link = outcome.state === "done" ? "done" : outcome.state;
      if (outcome.plan) plan = outcome.plan;
    }, (error) => {
      link = "trouble";
      console.info("despatch:", error);
    })
    .then(look)
    .finally(() => {
      sending = null;
      if (isAskedAgain) {
        isAskedAgain = false;
        send();
      }
    });
}

/** @param {PlannedPacket} packet @param {any} [correcting] */
function openSeal(packet, correcting) {
  if (!correcting && stateOf(packet, kept).step >= 3) {
    showProblems(words, [["typed", words.already_collected]]);
    return;
  }
  sealForm.open(packet, { names: { ...names, sealed_by: names.sealed_by || plan?.person || "" }, correcting });
  go("seal");
}

/** @param {any[]} packets @param {any} [correcting] */
function openHand(packets, correcting) {
  const usual = plan.scheduled ? "scheduled" : plan.bookings.length > 0 ? "ad_hoc" : "";
  handForm.open(packets, {
    collection: correcting?.collection ?? usual,
    booking: correcting?.booking_reference ?? plan.bookings[0]?.reference ?? "",
    carrier: correcting?.carrier ?? "",
    helpdesk: plan.helpdesk,
    correcting,
  });
  go("hand");
}

/** @param {any} entry */
function correct(entry) {
  const found = labelsOf(entry).map((label) => plan.packets.find((/** @type {PlannedPacket} */ one) => one.label === label)).filter(Boolean);
  if (found.length === 0) return;
  if (entry.kind === "sealed") openSeal(found[0], entry);
  else openHand(found.map((one) => ({ ...one, count: stateOf(one, kept).count })), entry);
}

/** @param {string} id */
async function remove(id) {
  const gone = pictures.filter((one) => one.entry === id).map((one) => `picture/${one.id}`);
  await store?.remove([`entry/${id}`, ...gone]);
  await look();
}

/** @param {import("./codes.js").Label} label */
function onLabel(label) {
  const found = plan?.packets.find((/** @type {PlannedPacket} */ one) => one.label === label.payload);
  if (found) {
    openSeal(found);
    return;
  }
  if (plan && label.centre !== plan.centre.number) {
    showProblems(words, [["typed", words.other_centre]]);
    return;
  }
  // Printed after the phone last had a line: what is on the label is all that is known of the packet.
  openSeal({ label: label.payload, component: label.component, title: "", held_on: "", session: "", number: label.number, of: label.of, candidates: "?", expected: null, counted: null, state: "label_issued", label_kind: "yellow" });
  byId("seal-about").textContent = words.label_new;
}

/**
 * Keeps an entry and its pictures at one moment, or says that there is no room.
 * @param {import("./forms.js").Made} made @param {string} field
 */
async function keep(made, field) {
  if (store === null) return;
  const entry = made.entry;
  const seq = Math.max(0, ...kept.map((one) => one.seq)) + 1;
  const images = await Promise.all(made.pictures.map(async ({ blob, ...one }) => ({ ...one, entry: entry.id, bytes: await blob.arrayBuffer() })));
  const values = /** @type {Array<[string, any]>} */ ([
    [`entry/${entry.id}`, { id: entry.id, seq, entry, state: "waiting", pictures: images.map((one) => one.id) }],
    ...images.map((one) => [`picture/${one.id}`, one]),
  ]);
  if (entry.kind === "sealed") {
    names = { sealed_by: entry.sealed_by, witnessed_by: entry.witnessed_by, storage_location: entry.storage_location };
    values.push(["names", names]);
  }
  try {
    await store.put(values);
  } catch (error) {
    console.info("despatch:", error);
    showProblems(words, [[field, words.no_room]]);
    return;
  }
  if (entry.kind === "handed_over") chosen.clear();
  if (entry.kind === "sealed") chosen.add(entry.label);
  go("list");
  await look();
  askForSync();
  send();
}

/** Asks the browser to say when the line is back, where it can. */
function askForSync() {
  navigator.serviceWorker?.ready.then((registration) => /** @type {any} */ (registration).sync?.register("despatch")).catch(() => {});
}

function listen() {
  byId("scan").addEventListener("click", () => {
    byId("camera-place").hidden = false;
    camera.look((label) => {
      byId("camera-place").hidden = true;
      onLabel(label);
    }).catch(() => {
      camera.stop();
      byId("camera-place").hidden = true;
      showProblems(words, [["photo", words.no_camera]]);
    });
  });
  byId("camera-stop").addEventListener("click", () => {
    camera.stop();
    byId("camera-place").hidden = true;
    byId("scan").focus();
  });
  byId("photo").addEventListener("change", async (event) => {
    const field = /** @type {HTMLInputElement} */ (event.target);
    const photograph = field.files?.[0];
    if (!photograph) return;
    const label = await readPhotograph(photograph).catch(() => null);
    field.value = "";
    if (label) onLabel(label);
    else showProblems(words, [["typed", words.label_unread]]);
  });
  byId("typing").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (byId("typed"));
    const found = findTyped(field.value, plan?.packets ?? []);
    if (found === null) {
      showProblems(words, [["typed", words.typed_unknown]]);
      return;
    }
    field.value = "";
    if ("payload" in found) onLabel(found);
    else openSeal(/** @type {PlannedPacket} */ (found));
  });
  byId("hand-over").addEventListener("click", () => {
    const packets = (plan?.packets ?? []).filter((/** @type {PlannedPacket} */ one) => chosen.has(one.label));
    if (packets.length === 0) showProblems(words, [["packets", words.hand_over_none]]);
    else openHand(packets.map((/** @type {PlannedPacket} */ one) => ({ ...one, count: stateOf(one, kept).count })));
  });
  for (const [name, form, field] of /** @type {const} */ ([["seal", sealForm, "script_count"], ["hand", handForm, "driver_name"]])) {
    byId(`part-${name}`).addEventListener("submit", async (event) => {
      event.preventDefault();
      const made = await form.read();
      if (made.problems.length > 0) showProblems(words, made.problems);
      else await keep(made, field);
    });
    byId(`part-${name}`).querySelector("[data-back]")?.addEventListener("click", () => go("list"));
  }
  window.addEventListener("online", send);
  window.addEventListener("offline", () => {
    link = "offline";
    show();
  });
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && send());
  new BroadcastChannel("nea-despatch").onmessage = (event) => event.data === "send" && send();
  setInterval(() => (kept.some((one) => one.state !== "refused") || link !== "done") && send(), AGAIN_MS);
}

/** Makes the page open without a line from now on. */
async function register() {
  if (!("serviceWorker" in navigator)) {
    warnings.push(words.no_worker);
    return;
  }
  const types = /** @type {any} */ (globalThis).trustedTypes;
  const address = types?.createPolicy ? types.createPolicy("nea-worker", { createScriptURL: () => "/despatch/worker.js" }).createScriptURL("") : "/despatch/worker.js";
  await navigator.serviceWorker.register(address, { scope: "/despatch" }).catch((error) => {
    console.info("despatch:", error);
    warnings.push(words.no_worker);
  });
}

async function begin() {
  listen();
  byId("part-list").hidden = false;
  try {
    store = await Store.open("nea-despatch");
  } catch {
    warnings.push(words.nothing_kept);
    link = "trouble";
    show();
    return;
  }
  if (!navigator.onLine) link = "offline";
  await look();
  await register();
  const isLasting = await (navigator.storage?.persist?.() ?? false);
  if (!isLasting) warnings.push(words.not_lasting);
  send();
  prepare().catch(() => {}); // the camera and the typing still work without our reader
}

begin();
