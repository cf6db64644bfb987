// The pages of one document below each other on a stage that scrolls: lazily loaded with their neighbours, zoomed, turned.
//
// A page is <figure> "sheet" (the room it takes, turned or not) holding a "paper" (the picture, its boxes and notes), so that
// everything on the paper is placed in thousandths of it, and neither zoom nor rotation moves it.

import { element, fill } from "./dom.js";
import { SignedOut } from "./viewer-source.js";

export const ZOOMS = [25, 33, 50, 67, 75, 90, 100, 110, 125, 150, 175, 200, 250, 300, 400];
const CSS_PIXELS_OF_ONE = 0.64; // pages are pictures at 150 dots to the inch; 100 per cent is their size on paper
const GAP = 16;

export class Pages {
  /**
   * @param {{source: import("./viewer-source.js").Source, label: string, count: number, shapes: number[][], words: Object}} given
   * @param {(change: {page?: number, zoom?: number|string, turned?: number}) => void} changed
   */
  constructor({ source, label, count, shapes, words }, changed) {
    this.source = source;
    this.label = label;
    this.count = count;
    this.words = words;
    this.changed = changed;
    this.zoom = "width"; // "width", "page", or per cent
    this.page = 1;
    this.sheets = [];
    this.stage = element("div", { class: "app-viewer__stage", tabindex: "0", role: "region", "aria-label": fill(words.stage, { file: label }) });
    for (let number = 1; number <= count; number++) {
      this.sheets.push(this.makeSheet(number, shapes[Math.min(number, shapes.length) - 1]));
    }
    this.stage.append(...this.sheets.map((sheet) => sheet.node));
    this.seen = new IntersectionObserver((entries) => this.onSeen(entries), { root: this.stage, rootMargin: "100% 0%" });
    this.stage.addEventListener("scroll", () => this.noteScroll(), { passive: true });
    this.sized = new ResizeObserver(() => this.layOut());
  }

  makeSheet(number, [width, height]) {
    const text = element("div", { class: "govuk-visually-hidden", "data-page-text": "" });
    const image = element("img", { class: "app-viewer__image", alt: fill(this.words.pageOfFile, { number, count: this.count, file: this.label }), draggable: "false" });
    const boxes = element("div", { class: "app-viewer__boxes", "aria-hidden": "true" });
    const notes = element("div", { class: "app-viewer__notes", "data-page-notes": String(number) });
    const paper = element("div", { class: "app-viewer__paper" }, image, boxes, notes);
    const caption = element("figcaption", { class: "app-viewer__caption", text: fill(this.words.pageOf, { number, count: this.count }) });
    const node = element("figure", { class: "app-viewer__sheet", "data-sheet": String(number) }, paper, text, caption);
    return { number, width, height, turned: 0, node, paper, image, boxes, notes, text, state: "empty" };
  }

  /** Call when the stage stands in the document. */
  start() {
    for (const sheet of this.sheets) this.seen.observe(sheet.node);
    this.sized.observe(this.stage);
    this.layOut();
  }

  stop() {
    this.seen.disconnect();
    this.sized.disconnect();
  }

  // ---- loading --------------------------------------------------------------------------------------------------

  onSeen(entries) {
    for (const entry of entries) {
      if (entry.isIntersecting) this.load(Number(entry.target.dataset.sheet));
    }
  }

  async load(number) {
    const sheet = this.sheets[number - 1];
    if (!sheet || sheet.state !== "empty") return;
    sheet.state = "loading";
    sheet.node.classList.add("app-viewer__sheet--loading");
    try {
      await this.source.load(sheet.image, `pages/${number}`);
      sheet.state = "shown";
      this.fitShape(sheet);
      this.readText(sheet);
    } catch (error) {
      sheet.state = "failed";
      this.offerAgain(sheet, error instanceof SignedOut);
    } finally {
      sheet.node.classList.remove("app-viewer__sheet--loading");
    }
  }

  // What the picture is, counts: the list may have known only the usual shape.
  fitShape(sheet) {
    const { naturalWidth, naturalHeight } = sheet.image;
    if (Math.abs(naturalWidth / naturalHeight - sheet.width / sheet.height) < 0.01) return;
    sheet.height = Math.round((sheet.width * naturalHeight) / naturalWidth);
    this.layOut();
  }

  async readText(sheet) {
    try {
      const words = await this.source.words(sheet.number);
      sheet.words = words;
      const title = element("h2", { text: fill(this.words.textOf, { number: sheet.number }) });
      const found = words.map((word) => word[4]).join(" ");
      sheet.text.replaceChildren(title, element("p", { text: found || fill(this.words.noTextHere, { number: sheet.number }) }));
    } catch {
      // the picture is what counts; its text comes with the next visit
    }
  }

  offerAgain(sheet, signedOut) {
    const again = element("button", { type: "button", class: "app-button", text: this.words.again });
    const words = signedOut ? this.words.signedOut : fill(this.words.failed, { number: sheet.number });
    const told = element("div", { class: "app-viewer__failed" }, element("p", { text: words }), again);
    again.addEventListener("click", () => {
      told.remove();
      sheet.state = "empty";
      this.load(sheet.number);
      this.stage.focus();
    });
    sheet.paper.append(told);
  }

  // ---- sizes ----------------------------------------------------------------------------------------------------

  /** Zoom in per cent, whatever the zoom is called. */
  percent() {
    if (typeof this.zoom === "number") return this.zoom;
    const sheet = this.sheets[this.page - 1];
    if (!sheet) return 100;
    const [width, height] = this.shapeOf(sheet);
    const byWidth = (this.stage.clientWidth - 2 * GAP) / (width * CSS_PIXELS_OF_ONE);
    const byHeight = (this.stage.clientHeight - 2 * GAP - 24) / (height * CSS_PIXELS_OF_ONE);
    const fitting = this.zoom === "page" ? Math.min(byWidth, byHeight) : byWidth;
    return Math.min(400, Math.max(10, fitting * 100));
  }

  shapeOf(sheet) {
    return sheet.turned % 180 === 0 ? [sheet.width, sheet.height] : [sheet.height, sheet.width];
  }

  layOut() {
    if (this.stage.clientWidth === 0) return;
    const place = this.placeOnPage();
    const scale = (this.percent() / 100) * CSS_PIXELS_OF_ONE;
    for (const sheet of this.sheets) {
      const own = this.zoom === "width" ? this.widthScale(sheet) : scale;
      const [width, height] = this.shapeOf(sheet);
      const { node, paper } = sheet;
      node.style.setProperty("--sheet-width", `${Math.round(width * own)}px`);
      node.style.setProperty("--sheet-height", `${Math.round(height * own)}px`);
      paper.style.setProperty("--paper-width", `${Math.round(sheet.width * own)}px`);
      paper.style.setProperty("--paper-height", `${Math.round(sheet.height * own)}px`);
      paper.style.setProperty("--paper-turn", `${sheet.turned}deg`);
    }
    this.keepPlace(place);
    this.changed({ zoom: this.zoom });
  }

  // Pages of different widths all fill the stage.
  widthScale(sheet) {
    const [width] = this.shapeOf(sheet);
    return Math.min(4 * CSS_PIXELS_OF_ONE, (this.stage.clientWidth - 2 * GAP) / width);
  }

  setZoom(zoom) {
    this.zoom = zoom;
    this.layOut();
  }

  /** One step nearer (1) or farther (-1). */
  step(direction) {
    const now = this.percent();
    const next = direction > 0 ? ZOOMS.find((one) => one > now + 0.5) : ZOOMS.findLast((one) => one < now - 0.5);
    if (next) this.setZoom(next);
  }

  turn(number = this.page, degrees = 90) {
    const sheet = this.sheets[number - 1];
    sheet.turned = (sheet.turned + degrees + 360) % 360;
    this.layOut();
    this.goTo(number);
    this.changed({ turned: sheet.turned });
  }

  // ---- where one is ---------------------------------------------------------------------------------------------

  placeOnPage() {
    const sheet = this.sheets[this.page - 1];
    if (!sheet || sheet.node.offsetHeight === 0) return 0;
    return (this.stage.scrollTop - sheet.node.offsetTop) / sheet.node.offsetHeight;
  }

  keepPlace(share) {
    const sheet = this.sheets[this.page - 1];
    if (sheet) this.stage.scrollTop = sheet.node.offsetTop + share * sheet.node.offsetHeight;
  }

  noteScroll() {
    if (this.noting) return;
    this.noting = requestAnimationFrame(() => {
      this.noting = 0;
      const middle = this.stage.scrollTop + this.stage.clientHeight / 3;
      const at = this.sheets.findLast((sheet) => sheet.node.offsetTop <= middle) ?? this.sheets[0];
      const bottom = this.stage.scrollTop + this.stage.clientHeight >= this.stage.scrollHeight - 2;
      const last = this.wanted > at.number ? this.wanted : this.count; // the last pages may never reach the top
      const number = bottom && this.stage.scrollTop > 0 ? last : at.number;
      if (number !== this.page) {
        this.page = number;
        this.changed({ page: number });
      }
    });
  }

  /** Goes to a page, from 1; beyond either end, to the end. */
  goTo(number) {
    const wanted = Math.min(this.count, Math.max(1, number));
    this.wanted = wanted;
    this.page = wanted;
    this.stage.scrollTop = this.sheets[wanted - 1].node.offsetTop - GAP / 2;
    this.load(wanted);
    this.changed({ page: wanted });
  }

  // ---- boxes of what was found ----------------------------------------------------------------------------------

  /** Draws boxes on a page, in thousandths; the first is the one looked at. */
  mark(number, boxes) {
    for (const sheet of this.sheets) sheet.boxes.replaceChildren();
    if (!number) return;
    const sheet = this.sheets[number - 1];
    for (const [left, top, width, height, isNow] of boxes) {
      const box = element("span", { class: isNow ? "app-viewer__box app-viewer__box--now" : "app-viewer__box" });
      place(box, left, top, width, height);
      sheet.boxes.append(box);
    }
  }

  /** Scrolls so that a point of a page, in thousandths of its height, is in sight. */
  reveal(number, top) {
    this.goTo(number);
    const sheet = this.sheets[number - 1];
    if (sheet.turned === 0) this.stage.scrollTop = sheet.node.offsetTop + (sheet.node.offsetHeight * top) / 1000 - this.stage.clientHeight / 3;
  }
}

/** Places an element on a paper, in thousandths of it. The policy allows styles set by script, and none in markup. */
export function place(node, left, top, width, height) {
  node.style.setProperty("left", `${left / 10}%`);
  node.style.setProperty("top", `${top / 10}%`);
  if (width !== undefined) node.style.setProperty("width", `${width / 10}%`);
  if (height !== undefined) node.style.setProperty("height", `${height / 10}%`);
}
