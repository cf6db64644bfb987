// Finding words in the text layer of one document, page after page.

import { button, element, fill } from "./dom.js";

export class Find {
  /** @param {import("./viewer-pages.js").Pages} pages */
  constructor(pages, words) {
    this.pages = pages;
    this.words = words;
    this.asked = "";
    this.hits = [];
    this.at = -1;
    this.input = element("input", { class: "govuk-input app-viewer__find", type: "search", autocomplete: "off", "aria-label": words.find, placeholder: words.find });
    this.told = element("span", { class: "app-viewer__found", role: "status" });
    this.node = element("form", { class: "app-viewer__finding", role: "search" }, this.input,
      button("↑", () => this.go(-1), { heard: words.findPrevious }), button("↓", () => this.go(1), { heard: words.findNext }), this.told);
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go(1);
    });
    this.input.addEventListener("input", () => {
      if (this.input.value.trim() === "") this.clear();
    });
  }

  clear() {
    this.asked = "";
    this.hits = [];
    this.told.textContent = "";
    this.pages.mark(0, []);
  }

  async go(direction) {
    const asked = this.input.value.trim().toLocaleLowerCase();
    if (!asked) return this.clear();
    if (asked !== this.asked) {
      this.asked = asked;
      this.told.textContent = this.words.finding;
      const { hits, anyText } = await this.search(asked);
      if (asked !== this.asked) return;
      this.hits = hits;
      this.at = direction > 0 ? hits.findIndex((hit) => hit.page >= this.pages.page) - 1 : hits.length;
      if (hits.length === 0) {
        this.told.textContent = anyText ? this.words.notFound : this.words.noText;
        this.pages.mark(0, []);
        return;
      }
    }
    if (this.hits.length === 0) return;
    this.at = (this.at + direction + this.hits.length) % this.hits.length;
    const hit = this.hits[this.at];
    const onPage = this.hits.filter((one) => one.page === hit.page);
    this.pages.mark(hit.page, onPage.flatMap((one) => one.boxes.map((box) => [...box, one === hit])));
    this.pages.reveal(hit.page, hit.boxes[0][1]);
    this.told.textContent = fill(this.words.found, { number: this.at + 1, count: this.hits.length, page: hit.page });
  }

  // Words of a page are one text, so that what was asked may stand over several of them.
  async search(asked) {
    const hits = [];
    let anyText = false;
    for (const sheet of this.pages.sheets) {
      sheet.words ??= await this.pages.source.words(sheet.number);
      let text = "";
      const begins = [];
      for (const word of sheet.words) {
        begins.push(text.length);
        text += `${word[4].toLocaleLowerCase()} `;
      }
      anyText ||= text !== "";
      for (let from = text.indexOf(asked); from >= 0; from = text.indexOf(asked, from + asked.length)) {
        const boxes = sheet.words.filter((word, index) => begins[index] < from + asked.length && begins[index] + word[4].length > from);
        if (boxes.length > 0) hits.push({ page: sheet.number, boxes: boxes.map((word) => word.slice(0, 4)) });
      }
    }
    return { hits, anyText };
  }
}
