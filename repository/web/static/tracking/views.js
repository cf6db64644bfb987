// What the station shows: the last result in huge words, the light of the line, the counters and the last scans.
import { element, fill } from "../dom.js";
import { nameOf } from "./judging.js";

/** @typedef {import("./judging.js").Scan} Scan */
/** @typedef {import("./judging.js").Said} Said */
/** @typedef {Said & {icons: Map<string, string>, modes: Map<string, string>, once: Set<string>}} Shown */

const SHOWN = 20;

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`there is no ${id}`);
  return found;
}

/** @param {string} at */
const timeOf = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** @param {Shown} said @param {string} kind @param {string} word @param {string} text */
export function showResult(said, kind, word, text) {
  const place = byId("result");
  place.hidden = false;
  place.dataset.kind = kind;
  byId("result-icon").textContent = said.icons.get(kind) ?? "";
  byId("result-word").textContent = word;
  byId("result-text").textContent = text;
}

/** @param {Shown} said @param {{waiting: number, link: string}} how */
export function showLight({ words }, { waiting, link }) {
  const main = waiting === 0 ? words.light_done : waiting === 1 ? words.light_waiting_one : fill(words.light_waiting, { n: waiting });
  const why = new Map([["offline", words.light_offline], ["trouble", words.light_trouble], ["signed-out", words.light_signed_out]]).get(link);
  const light = byId("light");
  light.dataset.state = link === "done" && waiting === 0 ? "done" : link === "signed-out" || link === "trouble" ? "wrong" : "waiting";
  const said = why ? (waiting === 0 ? why : `${main}. ${why}`) : main;
  const place = byId("light-words");
  if (place.textContent !== said) place.textContent = said;
  byId("light-sign-in").hidden = link !== "signed-out";
}

/** @param {import("./queue.js").Counters} counters @param {number} waiting */
export function showCounters(counters, waiting) {
  for (const [name, count] of Object.entries({ ...counters, waiting })) byId(`counter-${name}`).textContent = String(count);
}

/** @param {Shown} said @param {Scan[]} scans  newest last */
export function showHistory(said, scans) {
  const rows = scans.slice(-SHOWN).reverse().map((one) => rowOf(said, one));
  const none = element("tr", { class: "govuk-table__row" }, element("td", { class: "govuk-table__cell", colspan: 4, text: said.words.history_none }));
  byId("history-rows").replaceChildren(...(rows.length > 0 ? rows : [none]));
}

/** @param {Shown} said @param {Scan} scan */
function rowOf(said, scan) {
  const { words } = said;
  const kind = scan.isWaiting ? "waiting" : scan.outcome;
  const outcome = [element("span", { class: "app-station__sign", "data-kind": kind, "aria-hidden": "true", text: said.icons.get(kind) }), ` ${scan.isWaiting ? words.waiting : scan.word}`];
  if (scan.isUndone) outcome.push(` (${words.was_undone})`);
  const name = scan.packet ? nameOf(said, scan.packet) : scan.text;
  const packet = scan.packet?.id ? element("a", { class: "govuk-link", href: `/packets/${scan.packet.id}`, text: name }) : name;
  const what = scan.kind === "withdrawn" ? words.undone : (said.once.has(scan.kind) ? said.done : said.modes).get(scan.kind) ?? "";
  const note = scan.outcome === "attention" || scan.outcome === "unread" ? element("span", { class: "app-station__note", text: scan.note }) : "";
  return element(
    "tr",
    { class: "govuk-table__row" },
    element("td", { class: "govuk-table__cell app-station__time", text: timeOf(scan.at) }),
    element("td", { class: "govuk-table__cell" }, ...outcome, note),
    element("td", { class: "govuk-table__cell app-station__code" }, packet),
    element("td", { class: "govuk-table__cell", text: scan.count === null ? what : `${what}: ${scan.count}` }),
  );
}

/** @param {string[]} warnings */
export function showWarnings(warnings) {
  byId("station-warnings").replaceChildren(...warnings.map((text) => element("div", { class: "govuk-inset-text", text })));
}

/** @param {[string, string][]} problems  field and words */
export function showProblems(problems) {
  const place = byId("problem");
  const items = problems.map(([field, text]) => element("li", {}, element("a", { href: `#${field}`, text, on: { click: (/** @type {Event} */ event) => { event.preventDefault(); byId(field).focus(); } } })));
  place.querySelector("ul")?.replaceChildren(...items);
  place.hidden = problems.length === 0;
  if (problems.length > 0) place.focus();
}
