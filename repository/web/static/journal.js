// The journal of the desk: nothing that a person writes or draws is lost, whatever becomes of the network, the tab, the
// browser or the server.
//
// Use:
//   import { openJournal } from "./journal.js";
//   const journal = await openJournal(caseId);          one for a page and case; the same again on the next call
//   journal.entries("annotation")                       what stands: [Entry…]; entries taken away are not in it
//   journal.entry("mark:" + itemId)                     one of them, or undefined
//   journal.write({entryId, kind, item, document, body})  a stroke: call it with every change; body is the whole entry as an
//                                                       object of at most 16,000 characters of JSON. Returns a promise that
//                                                       is settled when the stroke is on this computer's disk.
//   journal.remove(entryId)                             takes an entry away; its history stays on the server
//   journal.look(entryId)                               call when an editor shows the entry as it stands (on focus): what is
//                                                       written next follows that, and not this window's own last stroke
//   journal.choose(entryId, other)                      `other` of an entry's `others` stands from now on
//   const stop = journal.subscribe((entryIds) => …)     something changed, here, in another window or on the server
//   journal.flush()                                     send now; resolves to whether the server has everything
//
//   Entry: {entryId, kind, item, document, body, revision, tab, writtenAt, receivedAt (null until the server has it), isLate,
//           others: [Entry…]}   `others`: the same entry as another window wrote it, not knowing of this one. Nothing was
//           overwritten: show body, and offer the others ("You also wrote this in another window").
//
// Ids: annotation: crypto.randomUUID(); mark-draft: "mark:" + item id; place: "place:" + item id, or case id.
// The light: <p data-journal-light data-words="{…}"> (macro `journal_light` of templates/macros/viewer.html), on any page of the
// desk; with `data-journal-light` alone and no openJournal, what an earlier visit left on this computer is sent as well.
//
// How: a stroke goes into IndexedDB at once, then to POST /api/desk/journal in small batches, and leaves this computer when
// the server says that it is committed. One window of a browser sends at a time; strokes that were tried are never changed
// again, so what comes twice is the same.

import { MemoryStore, keyOf, openStore } from "./journal-store.js";

const AT_ONCE = 40;
const BYTES_AT_ONCE = 200_000;
const SEND_AFTER_MS = 250;
const RETRY_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];
const TAB = crypto.randomUUID();

class SignedOut extends Error {}

/** What this browser keeps of one person, whatever the case: the queue to the server, and the light. */
class Outbox {
  constructor() {
    this.pending = new Map(); // key → stroke, as far as this window knows
    this.tried = new Set();
    this.dirty = new Map(); // what is not on the disk yet
    this.state = "saved";
    this.fails = 0;
    this.journals = new Map();
    this.store = null;
  }

  async open() {
    const answer = await fetch("/api/desk/journal/key", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`journal: ${answer.status}`);
    const given = await answer.json();
    this.name = given.name;
    this.store = await openStore(given);
    this.channel = new BroadcastChannel(`nea-journal-${given.name}`);
    this.channel.onmessage = (event) => this.hear(event.data);
    for (const stroke of await this.store.all()) this.pending.set(keyOf(stroke), stroke);
    for (const key of this.pending.keys()) this.tried.add(key); // an earlier window may have sent it
    addEventListener("online", () => this.again());
    addEventListener("focus", () => this.state !== "saved" && this.again());
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.flush());
    addEventListener("beforeunload", (event) => {
      if (!this.store.isLasting && this.pending.size > 0) event.preventDefault();
    });
    this.update();
    if (this.pending.size > 0) this.flush();
  }

  // ---- writing ----------------------------------------------------------------------------------------------------

  keep(stroke) {
    this.pending.set(keyOf(stroke), stroke);
    this.dirty.set(keyOf(stroke), stroke);
    this.tell({ written: stroke });
    this.sendSoon();
    const kept = this.keepDirty();
    this.update();
    return kept;
  }

  /** Writes to the disk what changed, as much at once as there is; the light says that it is kept when it is. */
  keepDirty() {
    this.keeping ??= (async () => {
      while (this.dirty.size > 0) {
        const strokes = [...this.dirty.values()];
        this.dirty.clear();
        try {
          await this.store.put(strokes);
        } catch {
          await this.toMemory(); // no room: from now on in memory, and said so
        }
      }
    })().finally(() => {
      this.keeping = undefined;
      this.update();
    });
    return this.keeping;
  }

  async toMemory() {
    const memory = new MemoryStore();
    await memory.put([...this.pending.values()]);
    this.store = memory;
    this.update();
  }

  /** Whether a stroke may still be changed in place: it never left this window. */
  isOpen(stroke) {
    return stroke.tab === TAB && this.pending.has(keyOf(stroke)) && !this.tried.has(keyOf(stroke));
  }

  // ---- sending ----------------------------------------------------------------------------------------------------

  sendSoon(delay = SEND_AFTER_MS) {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, delay);
  }

  again() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.flush();
  }

  /** Sends what is pending; resolves to whether the server has everything. */
  flush() {
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
      this.update();
    });
    return this.sending;
  }

  async sendAll() {
    const send = () => this.sendBatches();
    // Two windows of one browser do not send the same at once; where one is frozen with the lock, the other still sends.
    const locked = navigator.locks?.request(`nea-journal-${this.name}`, { signal: AbortSignal.timeout(5000) }, send);
    try {
      await (locked ? locked.catch((error) => (error.name === "TimeoutError" || error.name === "AbortError" ? send() : Promise.reject(error))) : send());
      this.fails = 0;
      this.trouble = null;
    } catch (error) {
      this.trouble = error instanceof SignedOut ? "signedOut" : "offline";
      const delay = RETRY_MS[Math.min(this.fails++, RETRY_MS.length - 1)];
      this.sendSoon(delay);
    }
    return this.waiting().length === 0;
  }

  waiting() {
    return [...this.pending.values()].filter((stroke) => !stroke.refused);
  }

  async sendBatches() {
    for (let batch = this.batch(); batch.length > 0; batch = this.batch()) {
      for (const stroke of batch) this.tried.add(keyOf(stroke));
      await this.send(batch);
    }
  }

  batch() {
    const chosen = [];
    let bytes = 0;
    for (const stroke of this.waiting()) {
      bytes += JSON.stringify(stroke).length;
      if (chosen.length > 0 && (chosen.length >= AT_ONCE || bytes > BYTES_AT_ONCE)) break;
      chosen.push(stroke);
    }
    return chosen;
  }

  async send(batch) {
    const answer = await post(batch);
    if (answer.status === 400 || answer.status === 413 || answer.status === 422) {
      // What the server cannot read holds nothing else back: it is tried alone, then set aside, and said.
      if (batch.length > 1) {
        for (const stroke of batch) await this.send([stroke]);
        return;
      }
      await this.setAside(batch[0]);
      return;
    }
    if (!answer.ok) throw new Error(`journal: ${answer.status}`);
    const { results, received_at: at } = await answer.json();
    const done = [];
    for (const result of results) {
      const stroke = this.pending.get(keyOf(result));
      if (!stroke) continue;
      if (result.state === "refused") await this.setAside(stroke);
      else done.push({ key: keyOf(stroke), late: result.state === "late", at });
    }
    await this.acknowledge(done);
    this.tell({ acknowledged: done });
  }

  async acknowledge(done) {
    const keys = done.map((one) => one.key);
    for (const { key, late, at } of done) {
      const stroke = this.pending.get(key);
      this.pending.delete(key);
      this.dirty.delete(key);
      if (stroke) this.journals.get(stroke.case)?.received(stroke, late, at);
    }
    this.update();
    await this.store.remove(keys).catch(() => {}); // it would be sent again, and known again
  }

  async setAside(stroke) {
    stroke.refused = true;
    await this.store.put([stroke]).catch(() => {});
    this.update();
  }

  // ---- other windows ----------------------------------------------------------------------------------------------

  tell(message) {
    this.channel.postMessage(message);
  }

  hear({ written, acknowledged }) {
    if (written) {
      this.pending.set(keyOf(written), written);
      this.tried.add(keyOf(written));
      this.journals.get(written.case)?.take(written);
      this.sendSoon(2000); // the window that wrote it sends it, unless it was killed
    }
    if (acknowledged) this.acknowledge(acknowledged);
    this.update();
  }

  // ---- the light --------------------------------------------------------------------------------------------------

  update() {
    const waiting = this.waiting().filter((stroke) => stroke.kind !== "place" || this.trouble).length;
    const refused = [...this.pending.values()].filter((stroke) => stroke.refused && stroke.kind !== "place").length;
    if (waiting === 0) this.state = refused > 0 ? "refused" : "saved";
    else this.state = this.keeping ? "saving" : (this.trouble ?? "saving");
    for (const light of document.querySelectorAll("[data-journal-light]")) this.show(light);
  }

  // The words are seen at once; they are heard when they last, so that typing is not talked over.
  show(light) {
    const words = JSON.parse(light.dataset.words);
    const isLasting = this.store?.isLasting ?? true;
    const text = isLasting || this.state === "saved" ? words[this.state] : `${words[this.state]} ${words.memory}`;
    light.hidden = false;
    if (light.dataset.state !== this.state || !light.firstElementChild) {
      light.dataset.state = this.state;
      light.firstElementChild ?? light.append(makeSpan({ "aria-hidden": "true" }), makeSpan({ class: "govuk-visually-hidden", role: "status" }));
      clearTimeout(light.saying);
      light.saying = setTimeout(() => {
        light.lastElementChild.textContent = light.firstElementChild.textContent;
      }, this.state === "saving" ? 4000 : 1000);
    }
    if (light.firstElementChild.textContent !== text) light.firstElementChild.textContent = text;
  }
}

function makeSpan(attributes) {
  const made = document.createElement("span");
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

async function post(entries) {
  const token = document.querySelector('meta[name="csrf-token"]');
  const ask = () => fetch("/api/desk/journal", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token?.content ?? "" },
    body: JSON.stringify({ entries }),
    keepalive: document.visibilityState === "hidden" && JSON.stringify(entries).length < 60_000,
  });
  let answer = await ask();
  if (answer.status === 403 && (await renewToken(token))) answer = await ask();
  if (answer.status === 401 || answer.status === 403) throw new SignedOut();
  return answer;
}

// The person signed in again in another window: that sign-in's token is on every page of it.
async function renewToken(token) {
  const fresh = await new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", "/account");
    request.responseType = "document";
    request.onload = () => resolve(request.response?.querySelector('meta[name="csrf-token"]')?.content ?? "");
    request.onerror = () => resolve("");
    request.send();
  });
  if (!fresh || fresh === token?.content || !token) return false;
  const answer = await fetch("/api/desk/journal/key", { headers: { Accept: "application/json" } });
  if (!answer.ok || (await answer.json()).name !== outbox.name) return false; // somebody else: never theirs to send
  token.content = fresh;
  return true;
}

/** The entries of one case, as this window knows them. */
class Journal {
  constructor(caseId) {
    this.caseId = caseId;
    this.known = new Map(); // entry id → Map of "revision tab" → stroke
    this.own = new Map(); // entry id → this window's last stroke
    this.seen = new Map(); // entry id → the stroke that the editor showed when it was opened
    this.listeners = new Set();
  }

  async load() {
    for (const stroke of outbox.pending.values()) if (stroke.case === this.caseId) this.learn(stroke);
    const answer = await fetch(`/api/desk/journal?case=${encodeURIComponent(this.caseId)}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`journal: ${answer.status}`);
    const { entries } = await answer.json();
    for (const entry of entries) for (const one of [entry, ...entry.others]) this.learn({ follows: [], ...one, case: this.caseId, received: true });
  }

  learn(stroke) {
    if (!this.known.has(stroke.entry_id)) this.known.set(stroke.entry_id, new Map());
    const of = this.known.get(stroke.entry_id);
    const key = `${stroke.revision} ${stroke.tab}`;
    const before = of.get(key);
    of.set(key, before ? { ...before, ...stroke, received: before.received || stroke.received } : { ...stroke });
  }

  // Revisions that nothing follows; the newest first: what the server does not have yet, then by the server's clock.
  ends(entryId) {
    const of = [...(this.known.get(entryId)?.values() ?? [])];
    const followed = new Set(of.flatMap((one) => one.follows.map(([revision, tab]) => `${revision} ${tab}`)));
    const left = of.filter((one) => !followed.has(`${one.revision} ${one.tab}`));
    const at = (one) => (one.received ? Date.parse(one.received_at) : Date.parse(one.written_at) + 1e13);
    return left.sort((one, other) => at(other) - at(one) || other.revision - one.revision);
  }

  entry(entryId) {
    const [shown, ...others] = this.ends(entryId).map(asEntry);
    return shown && { ...shown, others: others.filter((one) => JSON.stringify(one.body) !== JSON.stringify(shown.body)) };
  }

  entries(kind) {
    const all = [...this.known.keys()].map((id) => this.entry(id));
    return all.filter((one) => one && !one.body.deleted && (!kind || one.kind === kind));
  }

  write({ entryId, kind, item = null, document: documentId = null, body, settles }) {
    const own = this.own.get(entryId);
    const shown = this.ends(entryId);
    if (own && !settles && outbox.isOpen(own)) {
      own.body = body;
      own.written_at = new Date().toISOString();
      return this.put(own);
    }
    const all = settles || kind === "place"; // where one is needs nobody to decide between two windows
    const seen = own ?? this.seen.get(entryId);
    const base = all ? shown : seen ? [seen] : shown.slice(0, 1);
    const revisions = [...(this.known.get(entryId)?.values() ?? [])].map((one) => one.revision);
    const stroke = {
      entry_id: entryId,
      kind,
      case: this.caseId,
      item,
      document: documentId,
      revision: Math.max(0, ...revisions) + 1,
      tab: TAB,
      follows: base.slice(0, 20).map((one) => [one.revision, one.tab]),
      body,
      written_at: new Date().toISOString(),
    };
    this.own.set(entryId, stroke);
    return this.put(stroke);
  }

  put(stroke) {
    this.learn(stroke);
    this.notify([stroke.entry_id]);
    return outbox.keep(stroke);
  }

  remove(entryId) {
    const entry = this.entry(entryId);
    if (!entry) return Promise.resolve();
    const { kind, item, document: documentId } = entry;
    return this.write({ entryId, kind, item, document: documentId, body: { deleted: true }, settles: true });
  }

  look(entryId) {
    this.own.delete(entryId);
    const [shown] = this.ends(entryId);
    if (shown) this.seen.set(entryId, shown);
  }

  choose(entryId, other) {
    const { kind, item, document: documentId } = this.entry(entryId);
    return this.write({ entryId, kind, item, document: documentId, body: other.body, settles: true });
  }

  take(stroke) {
    this.learn(stroke);
    this.notify([stroke.entry_id]);
  }

  received(stroke, late, at) {
    this.learn({ ...stroke, received: true, late, received_at: at });
    this.notify([stroke.entry_id]);
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  notify(entryIds) {
    for (const listener of this.listeners) listener(entryIds);
  }

  flush() {
    return outbox.flush();
  }
}

const asEntry = (stroke) => ({
  entryId: stroke.entry_id,
  kind: stroke.kind,
  item: stroke.item,
  document: stroke.document,
  body: stroke.body,
  revision: stroke.revision,
  tab: stroke.tab,
  writtenAt: stroke.written_at,
  receivedAt: stroke.received ? (stroke.received_at ?? stroke.written_at) : null,
  isLate: stroke.late === true,
});

const outbox = new Outbox();
let opened = null;

/** Opens what is kept on this computer, once; what failed is tried again by the next who asks. */
function open() {
  opened ??= outbox.open().catch((error) => {
    opened = null;
    throw error;
  });
  return opened;
}
// What an earlier visit left goes now, whoever opens a journal later; who only reads here has no journal, and no light.
if (document.querySelector("[data-journal-light]")) open().catch(() => {});

/**
 * Opens the journal of a case. Rejects where the server cannot be reached; ask again later.
 * @param {string} caseId
 * @returns {Promise<Journal>}
 */
export async function openJournal(caseId) {
  await open();
  if (!outbox.journals.has(caseId)) {
    const journal = new Journal(caseId);
    outbox.journals.set(caseId, journal);
    journal.loaded = journal.load().catch((error) => {
      outbox.journals.delete(caseId);
      throw error;
    });
  }
  const journal = outbox.journals.get(caseId);
  await journal.loaded;
  return journal;
}

// Before the person signs out, everything is sent; what cannot be sent stays sealed under that person's key, and goes when
// the same person comes back.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches?.('form[action="/sign-out"]') || outbox.waiting().length === 0 || form.dataset.flushed) return;
  event.preventDefault();
  Promise.race([outbox.flush(), new Promise((resolve) => setTimeout(resolve, 3000))]).finally(() => {
    form.dataset.flushed = "yes";
    form.requestSubmit();
  });
}, true);
document.addEventListener("nea:swapped", () => outbox.update());
