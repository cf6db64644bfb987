// Passkeys: asks the service for a question, the browser for a passkey's answer, and sends the answer as a form.
//
// Markup: templates/passkeys/. What this module reads:
//   [data-passkey]          hidden until it is known that this browser has passkeys; its value is where the form goes, and
//                           value + "/begin" answers {publicKey: …}, the options of WebAuthn in their JSON form
//     data-passkeys-at      the one address (origin) at which passkeys work
//     form                  with a field `credential`, which is given the answer in its JSON form
//     [data-passkey-status] where it is said what went wrong
//   [data-passkey-fallback] words for browsers without passkeys, hidden in others

/** @typedef {{id: string, type: "public-key", transports?: string[]}} Descriptor */
/** @typedef {Record<string, any> & {challenge: string, user?: {id: string}, allowCredentials?: Descriptor[], excludeCredentials?: Descriptor[]}} Options */

/** @param {string} text @returns {Uint8Array} */
function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (one) => one.charCodeAt(0));
}

/** @param {ArrayBuffer | null} bytes @returns {string | undefined} */
function textOf(bytes) {
  if (bytes === null) return undefined;
  const plain = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {Descriptor[] | undefined} listed */
const descriptors = (listed) => (listed ?? []).map((one) => ({ ...one, id: bytesOf(one.id) }));

/** The options as a browser wants them: bytes where JSON has text. @param {Options} options */
function optionsOf(options) {
  const read = { ...options, challenge: bytesOf(options.challenge) };
  if (options.user) read.user = { ...options.user, id: bytesOf(options.user.id) };
  if (options.user) read.excludeCredentials = descriptors(options.excludeCredentials);
  else read.allowCredentials = descriptors(options.allowCredentials);
  return read;
}

/** The answer as the service wants it: text where the browser has bytes. @param {PublicKeyCredential} made */
function answerOf(made) {
  const { response } = made;
  const said = { clientDataJSON: textOf(response.clientDataJSON) };
  if ("attestationObject" in response) {
    said.attestationObject = textOf(response.attestationObject);
    said.transports = response.getTransports?.() ?? [];
  } else {
    said.authenticatorData = textOf(response.authenticatorData);
    said.signature = textOf(response.signature);
    said.userHandle = textOf(response.userHandle);
  }
  return { id: made.id, rawId: textOf(made.rawId), type: made.type, clientExtensionResults: {}, response: said };
}

/** @param {string} action @returns {Promise<Options>} */
async function question(action) {
  const token = document.querySelector('meta[name="csrf-token"]')?.getAttribute("content") ?? "";
  const answer = await fetch(`${action}/begin`, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRF-Token": token },
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body.publicKey;
}

/** What to say of an error. The browser tells nobody whether a person declined or had no passkey. @param {unknown} error */
function wordsOf(error) {
  if (!(error instanceof DOMException)) {
    return error instanceof TypeError ? "The service could not be reached. Try again in a minute." : String(error.message);
  }
  if (error.name === "InvalidStateError") return "This device already has a passkey for this service. Use another device.";
  if (error.name === "NotAllowedError") {
    return "No passkey was used: it was declined, took too long, or this device has none for this service. Try again, or use another way.";
  }
  if (error.name === "SecurityError") return "Passkeys do not work at this address. Check the address in your browser.";
  return "This browser or device could not use a passkey. Try again, or use another way.";
}

/** @param {HTMLElement} place */
function prepare(place) {
  const form = place.querySelector("form");
  const status = place.querySelector("[data-passkey-status]");
  const field = form.elements.namedItem("credential");
  const button = form.querySelector("button");
  place.hidden = false;
  const at = place.dataset.passkeysAt;
  if (location.origin !== at) {
    form.hidden = true;
    status.textContent = `Passkeys work at ${at} only; you are at ${location.origin}.`;
    return;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = form.elements.namedItem("name");
    if (name && !name.value.trim()) {
      form.submit(); // the service says what is missing
      return;
    }
    button.disabled = true;
    status.textContent = "";
    try {
      const options = await question(place.dataset.passkey);
      const publicKey = optionsOf(options);
      const made = await (options.user ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
      field.value = JSON.stringify(answerOf(made));
      form.submit();
    } catch (error) {
      status.textContent = wordsOf(error);
    } finally {
      button.disabled = false;
    }
  });
}

if (globalThis.PublicKeyCredential && navigator.credentials) {
  for (const words of document.querySelectorAll("[data-passkey-fallback]")) words.hidden = true;
  for (const place of document.querySelectorAll("[data-passkey]")) prepare(place);
}
