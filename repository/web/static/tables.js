// Long tables: a filter that hides the rows without the words typed, and a download of the rows shown. The table macro
// marks them by data-filter, with the words of the page's language; without scripts a table is simply long.

/**
 * @typedef {object} Words
 * @property {string} filter label of the field
 * @property {string} shown how many rows are shown, with {shown} and {total}
 * @property {string} download words of the button
 */

const QUIET_MS = 400; // a count is announced when the typing pauses, not at every letter

/** Equip every long table below `root`. @param {Document | Element} root */
export function equipTables(root) {
  for (const table of root.querySelectorAll("table[data-filter]")) equip(/** @type {HTMLTableElement} */ (table));
}

/** @param {HTMLTableElement} table */
function equip(table) {
  const body = table.tBodies[0];
  // A row with fields must not be hidden: what is in it would be sent without being seen.
  if (!body || body.querySelector("input:not([type=hidden]), select, textarea")) return;
  const words = /** @type {Words} */ (/** @type {unknown} */ ({
    filter: table.dataset.filter,
    shown: table.dataset.shown,
    download: table.dataset.download,
  }));
  const tools = made("div", "app-table-tools");
  const field = filterField(table, body, words);
  const button = made("button", "govuk-button govuk-button--secondary app-table-tools__download", words.download);
  button.type = "button";
  button.append(heard(table));
  button.addEventListener("click", () => download(table));
  tools.append(...field, button);
  (table.closest(".app-table-region") ?? table).before(tools);
}

/**
 * @param {HTMLTableElement} table @param {HTMLTableSectionElement} body @param {Words} words
 * @returns {HTMLElement[]}
 */
function filterField(table, body, words) {
  const id = `${table.id}-filter`;
  const label = made("label", "govuk-label", words.filter);
  label.htmlFor = id;
  label.append(heard(table));
  const input = made("input", "govuk-input govuk-input--width-20");
  input.id = id;
  input.type = "search";
  input.autocomplete = "off";
  input.spellcheck = false;
  input.setAttribute("aria-controls", table.id);
  const count = made("p", "govuk-hint app-table-tools__count");
  count.setAttribute("role", "status");
  let waiting = 0;
  input.addEventListener("input", () => {
    const shown = filter(body, input.value);
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      count.textContent = input.value.trim()
        ? words.shown.replace("{shown}", String(shown)).replace("{total}", String(body.rows.length))
        : "";
    }, QUIET_MS);
  });
  const group = made("div", "app-table-tools__filter");
  group.append(label, input);
  return [group, count];
}

/** The table's name, only heard: a page has several. @param {HTMLTableElement} table */
function heard(table) {
  return made("span", "govuk-visually-hidden", `: ${wordsOf(table.caption ?? table)}`);
}

/**
 * Show the rows that hold every word typed, in any column and order.
 * @param {HTMLTableSectionElement} body @param {string} typed
 * @returns {number} how many are shown
 */
export function filter(body, typed) {
  const wanted = folded(typed).split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of body.rows) {
    const text = folded(row.textContent ?? "");
    row.hidden = !wanted.every((word) => text.includes(word));
    if (!row.hidden) shown += 1;
  }
  return shown;
}

/** @param {string} text */
function folded(text) {
  return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLocaleLowerCase();
}

/**
 * The rows shown, as CSV: every cell quoted, and none that a spreadsheet would run as a formula. A number with its sign
 * stays a number.
 * @param {HTMLTableElement} table
 */
export function csvOf(table) {
  const rows = [...table.tHead?.rows ?? [], ...table.tBodies[0].rows].filter((row) => !row.hidden);
  return rows.map((row) => [...row.cells].map((cell) => quoted(wordsOf(cell))).join(",")).join("\r\n") + "\r\n";
}

/** @param {Element} cell */
function wordsOf(cell) {
  return (cell.textContent ?? "").replace(/\s+/g, " ").trim();
}

/** @param {string} text */
function quoted(text) {
  const safe = /^[=+\-@\t\r]/.test(text) && !/^[+\-]\d+([.,]\d+)?%?$/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** @param {HTMLTableElement} table */
function download(table) {
  const name = (table.caption?.textContent ?? "table").trim().toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
  const address = URL.createObjectURL(new Blob(["\ufeff", csvOf(table)], { type: "text/csv;charset=utf-8" }));
  const link = made("a", "");
  link.href = address;
  link.download = `${name.slice(0, 60)}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {string} className @param {string} [text]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
