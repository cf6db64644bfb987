// Elements of the page, made as nodes: no text ever becomes markup.

/**
 * Make an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string | undefined>} [attributes] "text" is what it says
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(name, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

/**
 * Make a button; `context` is heard and not seen: "Pause essay.pdf".
 * @param {string} text
 * @param {string} [context]
 * @param {string} [kind]
 * @returns {HTMLButtonElement}
 */
export function button(text, context = "", kind = "govuk-button--secondary") {
  const made = element("button", { type: "button", class: `govuk-button ${kind}`.trim() }, text);
  if (context) made.append(element("span", { class: "govuk-visually-hidden", text: ` ${context}` }));
  return made;
}

/**
 * Say words to who listens to the page, seldom enough to be heard to the end: what comes close together is said together.
 */
export class Announcer {
  /** @param {Element | null} region */
  constructor(region) {
    this.region = region;
    /** @type {string[]} */
    this.waiting = [];
    /** @type {number | undefined} */
    this.timer = undefined;
  }

  /**
   * Say something soon.
   * @param {string} words
   */
  say(words) {
    if (!this.waiting.includes(words)) this.waiting.push(words);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const said = this.waiting.length > 4 ? [...this.waiting.slice(0, 3), `And ${this.waiting.length - 3} more messages in the list.`] : this.waiting;
      this.waiting = [];
      if (this.region) this.region.textContent = said.join(" ");
    }, 700);
  }
}
