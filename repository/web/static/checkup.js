// Looks at the deployment from the browser: the headers that arrive, the cookies, and the host of uploaded files.
const table = document.getElementById("checkup");
const body = table.tBodies[0];
const expected = JSON.parse(table.dataset.expected);
const content = table.dataset.content;
let wrong = 0;

function say(what, well, words) {
  const row = document.createElement("tr");
  row.className = "govuk-table__row";
  for (const [kind, text] of [["th", what], ["td", well ? "Well" : "Look at this"], ["td", words]]) {
    const cell = document.createElement(kind);
    cell.className = kind === "th" ? "govuk-table__header" : "govuk-table__cell";
    if (kind === "th") cell.scope = "row";
    cell.textContent = text;
    row.append(cell);
  }
  body.append(row);
  if (!well) wrong += 1;
}

function loads(address) {
  return new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = address;
  });
}

async function headers(what, address) {
  const answer = await fetch(address, { cache: "no-store" });
  const faults = [];
  for (const [name, value] of Object.entries(expected)) {
    const got = answer.headers.get(name);
    if (got === null) faults.push(`${name} is missing`);
    else if (got !== value) faults.push(`${name} was changed or added twice`);
  }
  const policy = answer.headers.get("Content-Security-Policy") ?? "";
  if (!policy.includes("default-src 'none'")) faults.push("Content-Security-Policy is missing or was changed");
  if (policy.includes(", ")) faults.push("a second Content-Security-Policy was added");
  if (!(answer.headers.get("Cache-Control") ?? "").match(/no-store|max-age=300/)) faults.push("Cache-Control was changed");
  say(what, faults.length === 0, faults.length === 0 ? "All as sent by the service" : `${faults.join("; ")}. Let the proxy pass them as they are.`);
}

async function look() {
  body.replaceChildren();
  await headers("Headers of pages", "/checkup");
  await headers("Headers of the API", "/api/me");
  await headers("Headers of our own files", "/static/page.js");
  say("Safe connection", window.isSecureContext, window.isSecureContext ? "The browser trusts it" : "The browser does not trust this address. It must be https with a good certificate.");
  say("Kept apart from other sites", window.crossOriginIsolated, window.crossOriginIsolated ? "Yes" : "No: Cross-Origin-Opener-Policy or Cross-Origin-Embedder-Policy does not arrive.");
  const seen = document.cookie.split(";").map((one) => one.split("=")[0].trim()).filter((name) => name.includes("nea"));
  say("Cookies", seen.length === 0, seen.length === 0 ? "Out of reach of scripts" : "A cookie of the sign-in can be read by scripts. Let the proxy not change Set-Cookie.");
  const reached = await loads(`${content}/content/point.gif`);
  say("Host of uploaded files", reached, reached ? `${content} answers` : `${content} is not reached, so no work can be shown. Point its name at this service.`);
  const apart = !(await loads(`${content}/static/icon.svg`));
  say("Only uploaded files there", apart, apart ? "Pages are not served there" : "Pages of this service answer under the host of uploaded files. Let the proxy pass the Host header as it was asked.");
  const sum = document.getElementById("checkup-sum");
  sum.textContent = wrong === 0 ? "Everything that reaches your browser is as it must be." : `${wrong} to look at.`;
}

look().catch(() => say("Looking", false, "The service did not answer. Load this page again."));
