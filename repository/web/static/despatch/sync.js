// Sends what waits on the phone: entries first, then the pictures of those that the service has. Nothing is taken from the
// phone before the service has said, of that very thing, that it is there; whatever is sent twice changes nothing there.

const ENTRIES_AT_ONCE = 20;
const PATIENCE_MS = 30_000;

/** @typedef {import("../sealed-store.js").Store} Store */
/** @typedef {{id: string, seq: number, entry: any, state: "waiting"|"sent"|"refused", why?: string, notes?: string[], pictures: string[]}} Kept */
/** @typedef {{id: string, entry: string, kind: string, line: ?number, type: string, bytes: ArrayBuffer, refused?: string}} Picture */
/** @typedef {{state: "done"|"offline"|"signed-out"|"trouble", plan?: any}} Outcome */

/** @param {Kept} one @param {Kept} other */
const bySeq = (one, other) => one.seq - other.seq;

/**
 * @param {string} address
 * @param {RequestInit} [more]
 */
async function ask(address, more = {}) {
  return fetch(address, { credentials: "same-origin", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS), ...more });
}

/** @param {Response} answer @returns {Outcome} */
const outcomeOf = (answer) => ({ state: answer.status === 401 || answer.status === 403 ? "signed-out" : "trouble" });

/**
 * Fetches the plan to take along; makes who is signed in the person whose lines are opened here.
 * @param {Store} store
 * @returns {Promise<Outcome>}
 */
export async function fetchPlan(store) {
  const began = Date.now();
  const answer = await ask("/api/despatch-log/plan");
  if (!answer.ok) return outcomeOf(answer);
  const { store: given, ...plan } = await answer.json();
  await store.admit(given);
  const now = (began + Date.now()) / 2;
  const kept = { ...plan, fetched_at: new Date().toISOString(), clock_behind_ms: Date.parse(plan.now) - now };
  await store.put([["plan", { ...kept, csrf_token: "" }]]); // a token of a sign-in is not for keeping
  return { state: "done", plan: kept };
}

/**
 * Sends everything that waits, once; several windows take turns.
 * @param {Store} store
 * @returns {Promise<Outcome>}
 */
export async function sendAll(store) {
  const work = () => sendEverything(store);
  try {
    return navigator.locks ? await navigator.locks.request("nea-despatch", work) : await work();
  } catch (error) {
    if (error instanceof TypeError || (error instanceof DOMException && ["AbortError", "TimeoutError", "NetworkError"].includes(error.name))) {
      return { state: "offline" };
    }
    throw error;
  }
}

/** @param {Store} store @returns {Promise<Outcome>} */
async function sendEverything(store) {
  const before = await fetchPlan(store);
  if (before.state !== "done") return before;
  const headers = { "X-CSRF-Token": before.plan.csrf_token };
  const entries = await sendEntries(store, headers);
  if (entries.outcome) return entries.outcome;
  const pictures = await sendPictures(store, headers);
  if (pictures.outcome) return pictures.outcome;
  await tidy(store);
  return entries.count + pictures.count > 0 ? fetchPlan(store) : before;
}

/**
 * @param {Store} store
 * @param {Record<string, string>} headers
 * @returns {Promise<{count: number, outcome?: Outcome}>}
 */
async function sendEntries(store, headers) {
  const waiting = (await store.all("entry/")).filter((one) => one.state === "waiting").sort(bySeq);
  let count = 0;
  for (let at = 0; at < waiting.length; at += ENTRIES_AT_ONCE) {
    const some = waiting.slice(at, at + ENTRIES_AT_ONCE);
    const body = JSON.stringify({
      device: store.person?.device,
      sent_at: new Date().toISOString(),
      entries: some.map((one) => one.entry),
    });
    const answer = await ask("/api/despatch-log", { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body });
    if (!answer.ok) return { count, outcome: outcomeOf(answer) };
    const { results } = await answer.json();
    for (const result of results) {
      const one = some.find((candidate) => candidate.id === result.id);
      if (!one || result.state === "later") continue;
      const state = result.state === "refused" ? "refused" : "sent";
      await store.put([[`entry/${one.id}`, { ...one, state, why: result.why, notes: result.notes }]]);
      count += 1;
    }
  }
  return { count };
}

/**
 * @param {Store} store
 * @param {Record<string, string>} headers
 * @returns {Promise<{count: number, outcome?: Outcome}>}
 */
async function sendPictures(store, headers) {
  const sent = new Set((await store.all("entry/")).filter((one) => one.state === "sent").map((one) => one.id));
  const pictures = /** @type {Picture[]} */ (await store.all("picture/")).filter((one) => sent.has(one.entry) && !one.refused);
  let count = 0;
  for (const one of pictures) {
    const line = one.line === null ? "" : `&line=${one.line}`;
    const address = `/api/despatch-log/${one.entry}/evidence/${one.id}?kind=${one.kind}${line}`;
    const answer = await ask(address, { method: "PUT", headers: { ...headers, "Content-Type": one.type }, body: one.bytes });
    if (answer.ok) {
      await store.remove([`picture/${one.id}`]);
      count += 1;
    } else if (answer.status === 409 || answer.status === 413 || answer.status === 422) {
      const problem = await answer.json().catch(() => ({}));
      await store.put([[`picture/${one.id}`, { ...one, refused: problem.detail ?? String(answer.status) }]]);
    } else if (answer.status !== 404) {
      return { count, outcome: outcomeOf(answer) };
    }
  }
  return { count };
}

/** Takes from the phone what the service has, pictures and all. @param {Store} store */
async function tidy(store) {
  const left = new Set((await store.all("picture/")).map((one) => one.entry));
  const gone = (await store.all("entry/")).filter((one) => one.state === "sent" && !left.has(one.id));
  const words = gone.flatMap((one) => one.notes ?? []);
  if (words.length > 0) await store.put([["notes", { words, at: new Date().toISOString() }]]);
  await store.remove(gone.map((one) => `entry/${one.id}`));
}
