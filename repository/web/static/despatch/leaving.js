// On every page: who signs out takes along what the despatch page and the scanning station kept of them in this browser.
// What the service does not have yet stays, sealed, until the same person signs in again.
import { forget } from "../sealed-store.js";

const PATIENCE_MS = 2000;

for (const form of document.querySelectorAll('form[action="/sign-out"]')) {
  form.addEventListener("submit", (event) => {
    if (!("caches" in window)) return;
    event.preventDefault();
    const gone = Promise.allSettled([
      forget("nea-despatch"),
      forget("nea-station"),
      caches.keys().then((names) => Promise.all(names.filter((name) => /^nea-(despatch|station)-/.test(name)).map((name) => caches.delete(name)))),
      navigator.serviceWorker?.getRegistrations().then((all) => Promise.all(all.map((one) => one.unregister()))),
    ]);
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    Promise.race([gone, late]).then(() => /** @type {HTMLFormElement} */ (form).submit());
  });
}
