// A bundle that is being read: asks how far it is and shows the page anew when that has changed. Without it, one loads the
// page again by hand.

const EVERY_MS = 2_000;
const bundle = /** @type {HTMLElement | null} */ (document.querySelector("[data-bundle]"));

/** @param {HTMLElement} shown */
async function follow(shown) {
  const { bundle: id, state } = shown.dataset;
  try {
    const answer = await fetch(`/api/bundles/${id}`, { headers: { Accept: "application/json" } });
    // Whoever reads or types meanwhile loses nothing: there is nothing to type on a page of a bundle that is read.
    if (answer.ok && (await answer.json()).state !== state) window.location.reload();
  } catch {
    // The line is gone for a moment: it is asked again.
  }
}

if (bundle) {
  const shown = bundle;
  setInterval(() => {
    if (document.visibilityState === "visible") void follow(shown);
  }, EVERY_MS);
}
