// Where strokes stay on this computer until the server has them: IndexedDB, under a name and a key of the person, so that
// who signs in later can neither read nor send them. Without IndexedDB (private windows, no room) they stay in memory.

const STORE = "strokes";

/** @typedef {{entry_id: string, kind: string, revision: number, tab: string, follows: Array<[number, string]>,
 *   case: string, item: ?string, document: ?string, body: Object, written_at: string, refused?: boolean}} Stroke */

export const keyOf = (stroke) => `${stroke.entry_id}\n${stroke.revision}\n${stroke.tab}`;

/**
 * Opens the store of a person; never fails: what cannot be kept on disk is kept in memory, and `isLasting` says so.
 * @param {{name: string, key: string}} given  by GET /api/desk/journal/key
 * @returns {Promise<DiskStore|MemoryStore>}
 */
export async function openStore({ name, key }) {
  try {
    const bytes = Uint8Array.from(atob(key), (one) => one.charCodeAt(0));
    const sealing = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
    const store = new DiskStore(await openDatabase(`nea-journal-${name}`), sealing);
    await store.all(); // a store that cannot be read is none
    return store;
  } catch {
    return new MemoryStore();
  }
}

function openDatabase(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

class DiskStore {
  isLasting = true;

  constructor(database, sealing) {
    this.database = database;
    this.sealing = sealing;
  }

  /** Keeps strokes; when this resolves, they are on disk. */
  async put(strokes) {
    const sealed = await Promise.all(strokes.map((stroke) => this.seal(stroke)));
    await this.do("readwrite", (store) => sealed.forEach((one, index) => store.put(one, keyOf(strokes[index]))));
  }

  async seal(stroke) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(stroke));
    return { iv, sealed: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, this.sealing, plain) };
  }

  async remove(keys) {
    await this.do("readwrite", (store) => keys.forEach((key) => store.delete(key)));
  }

  /** Everything that is kept, as it was written; what another key sealed is left alone. */
  async all() {
    const found = await this.do("readonly", (store) => store.getAll());
    const opened = await Promise.all(found.map(({ iv, sealed }) =>
      crypto.subtle.decrypt({ name: "AES-GCM", iv }, this.sealing, sealed).then((plain) => JSON.parse(new TextDecoder().decode(plain)), () => null)));
    return opened.filter(Boolean);
  }

  do(mode, work) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(STORE, mode, { durability: "strict" });
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = () => reject(transaction.error ?? new Error("aborted"));
    });
  }
}

export class MemoryStore {
  isLasting = false;
  kept = new Map();

  async put(strokes) {
    for (const stroke of strokes) this.kept.set(keyOf(stroke), structuredClone(stroke));
  }

  async remove(keys) {
    keys.forEach((key) => this.kept.delete(key));
  }

  async all() {
    return [...this.kept.values()];
  }
}
