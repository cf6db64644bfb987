// Small things that every module needs: making elements, filling words, and saying something to a screen reader.
// No markup is ever made from text: the content security policy allows none.

/**
 * Makes an element. `text` becomes its text, `on` its listeners; false, null and undefined leave an attribute out.
 * @param {string} name
 * @param {Object<string, any>} [attributes]
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function element(name, { text, on, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    made.setAttribute(key, value === true ? "" : String(value));
  }
  if (text !== undefined) made.textContent = text;
  for (const [event, listener] of Object.entries(on ?? {})) made.addEventListener(event, listener);
  made.append(...children);
  return made;
}

/**
 * A small secondary button. `heard` are words for screen readers instead of the text.
 * @param {string} text
 * @param {(event: Event) => void} onClick
 * @param {{heard?: string, extra?: string}} [more]
 */
export function button(text, onClick, { heard, extra = "" } = {}) {
  const attributes = { type: "button", class: `app-button ${extra}`.trim(), "aria-label": heard, title: heard };
  return element("button", { ...attributes, text, on: { click: onClick } });
}

/**
 * Fills `{name}` in words that the template gave.
 * @param {string} words
 * @param {Object<string, string|number>} values
 */
export function fill(words, values) {
  return words.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * A live region inside `place` (made on first use), and a function that says something in it.
 * @param {HTMLElement} place
 * @returns {(words: string) => void}
 */
export function speaker(place) {
  const region = element("p", { class: "govuk-visually-hidden", role: "status" });
  place.append(region);
  return (words) => {
    region.textContent = words;
  };
}

/** Seconds as people say a place in a recording: 1:05, or 1:02:03. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
