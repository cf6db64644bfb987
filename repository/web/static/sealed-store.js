// What a browser keeps until the service has it: in IndexedDB, every value sealed under a key of the person who is signed
// in. The key itself stays there while that person is signed in, as one that no script can read out, so that the page opens
// without a line; signing out takes it away, and what still waits is opened again by who signs in as before. The despatch
// log of a phone and the scanning station each keep theirs in a database of their own.

const KEYS = "open";
const KEPT = "kept";

/** @typedef {{name: string, key: CryptoKey, device: string}} Person */
/** @typedef {{iv: Uint8Array<ArrayBuffer>, sealed: ArrayBuffer}} Sealed */

/** @param {string} name @returns {Promise<IDBDatabase>} */
function openDatabase(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(KEYS);
      request.result.createObjectStore(KEPT);
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

export class Store {
  /** @type {?Person} */
  person = null;

  /** @param {IDBDatabase} database */
  constructor(database) {
    this.database = database;
  }

  /** Opens what the browser keeps under a name; rejects where it keeps nothing. @param {string} name */
  static async open(name) {
    const store = new Store(await openDatabase(name));
    store.person = (await store.do(KEYS, "readonly", (keys) => keys.get("person"))) ?? null;
    return store;
  }

  /**
   * Makes a person the one whose lines are opened here, until they sign out.
   * @param {{name: string, key: string}} given  by the service
   */
  async admit({ name, key }) {
    if (this.person?.name === name) return;
    const bytes = Uint8Array.from(atob(key), (one) => one.charCodeAt(0));
    const sealing = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
    const device = (await this.do(KEYS, "readonly", (keys) => keys.get("device"))) ?? crypto.randomUUID();
    const person = { name, key: sealing, device };
    await this.do(KEYS, "readwrite", (keys) => {
      keys.put(device, "device");
      return keys.put(person, "person");
    });
    this.person = person;
  }

  /**
   * Keeps values together; when this resolves they are on disk, and when it rejects none of them is.
   * @param {Array<[string, any]>} values  name and value; a value with `bytes` keeps them as they are
   * @param {string[]} [gone]  names of values that go at the same moment
   */
  async put(values, gone = []) {
    const sealed = await Promise.all(values.map(async ([name, value]) => /** @type {const} */ ([name, await this.seal(value)])));
    await this.do(KEPT, "readwrite", (kept) => {
      for (const name of gone) kept.delete(this.own(name));
      for (const [name, one] of sealed) kept.put(one, this.own(name));
    });
  }

  /** @param {string[]} names */
  async remove(names) {
    await this.do(KEPT, "readwrite", (kept) => names.forEach((name) => kept.delete(this.own(name))));
  }

  /**
   * The person's own values whose names begin so; what cannot be opened any more is left alone.
   * @param {string} beginning
   * @returns {Promise<any[]>}
   */
  async all(beginning) {
    const range = IDBKeyRange.bound(this.own(beginning), `${this.own(beginning)}\uffff`);
    const found = await this.do(KEPT, "readonly", (kept) => kept.getAll(range));
    const opened = await Promise.all(found.map((/** @type {Sealed} */ one) => this.unseal(one)));
    return opened.filter((one) => one !== null);
  }

  /**
   * How many values of other people wait here under such names: it can be said, and not what is in them.
   * @param {string} beginning
   */
  async ofOthers(beginning) {
    const names = /** @type {string[]} */ (await this.do(KEPT, "readonly", (kept) => kept.getAllKeys()));
    return names.filter((name) => name.includes(`/${beginning}`) && !name.startsWith(this.own(""))).length;
  }

  /** @param {string} name */
  own(name) {
    if (this.person === null) throw new Error("nobody has been signed in here");
    return `${this.person.name}/${name}`;
  }

  /**
   * @param {any} value
   * @returns {Promise<Sealed>}
   */
  async seal(value) {
    const { bytes, ...rest } = value;
    const head = new TextEncoder().encode(JSON.stringify(rest));
    const plain = new Uint8Array(4 + head.length + (bytes?.byteLength ?? 0));
    new DataView(plain.buffer).setUint32(0, head.length);
    plain.set(head, 4);
    if (bytes) plain.set(new Uint8Array(bytes), 4 + head.length);
    const iv = crypto.getRandomValues(new Uint8Array(12));
    return { iv, sealed: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, /** @type {Person} */ (this.person).key, plain) };
  }

  /** @param {Sealed} one */
  async unseal({ iv, sealed }) {
    try {
      const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, /** @type {Person} */ (this.person).key, sealed);
      const length = new DataView(plain).getUint32(0);
      const value = JSON.parse(new TextDecoder().decode(new Uint8Array(plain, 4, length)));
      return plain.byteLength > 4 + length ? { ...value, bytes: plain.slice(4 + length) } : value;
    } catch {
      return null;
    }
  }

  /**
   * @param {string} name
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest|void} work
   * @returns {Promise<any>}
   */
  do(name, mode, work) {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(name, mode, { durability: "strict" });
      const request = work(transaction.objectStore(name));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error ?? new Error("aborted"));
    });
  }
}

/**
 * Takes a person's key and what they were shown from the browser, when they sign out; what waits stays, sealed.
 * @param {string} database
 * @returns {Promise<void>}
 */
export async function forget(database) {
  const known = await indexedDB.databases?.();
  if (known && !known.some((one) => one.name === database)) return;
  const store = await Store.open(database);
  const name = store.person?.name;
  await store.do(KEYS, "readwrite", (keys) => keys.delete("person"));
  if (name) await store.do(KEPT, "readwrite", (kept) => kept.delete(`${name}/plan`));
  store.database.close();
}
