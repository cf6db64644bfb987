// The service worker of a page that opens without a line: keeps that one page and our own files that it needs, and nothing
// else. What it is to keep is put before these lines by the service, as `self.NEA`; `kept` is where the page is as it may be
// kept, with nothing of anybody on it. It never keeps an answer about a person or a packet.

const scope = /** @type {any} */ (self);
/** @type {{name: string, version: string, page: string, kept: string, files: string[], named: string[]}} */
const { name: own, version, page: PAGE, kept: KEPT, files, named } = scope.NEA;
const CACHE = `nea-${own}-${version}`;
const PATIENCE_MS = 3000;

/** @param {Response} answer */
const isPage = (answer) => answer.ok && !answer.redirected && (answer.headers.get("Content-Type") ?? "").startsWith("text/html");

async function install() {
  const cache = await caches.open(CACHE);
  await cache.addAll(files.map((file) => new Request(file, { cache: "reload" })));
  if (!(await renew(cache))) throw new Error("the page is not there to be kept");
  await scope.skipWaiting();
}

/** Keeps the page as it is now. @param {Cache} cache */
async function renew(cache) {
  return keep(cache, await fetch(KEPT, { credentials: "same-origin", cache: "no-store" }));
}

/**
 * Keeps an answer that is the page, and of this worker's version: another needs files that are not kept here, and its own worker
 * keeps it. @param {Cache} cache @param {Response} answer
 */
async function keep(cache, answer) {
  if (!isPage(answer)) return false;
  const text = await answer.clone().text();
  if (!named.every((file) => text.includes(`"${file}"`))) return false;
  await cache.put(PAGE, answer);
  return true;
}

async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(`nea-${own}-`) && name !== CACHE).map((name) => caches.delete(name)));
  await scope.clients.claim();
}

/** The page from the line if it comes soon, as it is kept if not. @param {Request} request */
async function page(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(PAGE);
  const fresh = fetch(request).then(async (answer) => {
    if (isPage(answer)) {
      if (KEPT === PAGE) await keep(cache, answer.clone());
      else renew(cache).catch(() => {}); // the one that is shown has a person on it
    }
    return answer.status >= 500 && kept ? kept : answer;
  });
  if (!kept) return fresh;
  const late = new Promise((resolve) => setTimeout(() => resolve(kept), PATIENCE_MS));
  return Promise.race([fresh.catch(() => kept), late]);
}

/** @param {Request} request */
async function file(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}

scope.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(install()));
scope.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(activate()));
scope.addEventListener("fetch", (/** @type {any} */ event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== scope.location.origin) return;
  if (event.request.mode === "navigate" && address.pathname === PAGE) event.respondWith(page(event.request));
  else if (files.includes(address.pathname)) event.respondWith(file(event.request));
});
// The line is back: whichever window of the page is open sends what waits.
scope.addEventListener("sync", (/** @type {any} */ event) => {
  if (event.tag === own) new BroadcastChannel(`nea-${own}`).postMessage("send");
});
