// The viewer's tool bar, the strip of thumbnails, the keys and the dialog that names them.

import { button, element, fill } from "./dom.js";
import { Find } from "./viewer-find.js";

const SINGLE_KEYS = "nea-viewer-single-keys";

// What a person chose stays in this browser; where storage is forbidden, it stays for the page.
let singleKeys = true;
try {
  singleKeys = localStorage.getItem(SINGLE_KEYS) !== "off";
} catch {
  // nothing was kept
}

function keepSingleKeys(on) {
  singleKeys = on;
  try {
    localStorage.setItem(SINGLE_KEYS, on ? "on" : "off");
  } catch {
    // for this page only
  }
}

export class Tools {
  /** @param {import("./viewer-pages.js").Pages} pages */
  constructor(pages, words, say) {
    this.pages = pages;
    this.words = words;
    this.say = say;
    this.number = element("input", { class: "govuk-input app-viewer__number", type: "text", inputmode: "numeric", value: "1", autocomplete: "off", "aria-label": words.page });
    this.number.addEventListener("change", () => this.pages.goTo(Number.parseInt(this.number.value, 10) || this.pages.page));
    this.number.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.pages.goTo(Number.parseInt(this.number.value, 10) || this.pages.page);
    });
    this.previous = button("←", () => this.pages.goTo(this.pages.page - 1), { heard: words.previousPage });
    this.next = button("→", () => this.pages.goTo(this.pages.page + 1), { heard: words.nextPage });
    this.zoomed = element("span", { class: "app-viewer__zoomed" });
    this.width = button(words.fitWidth, () => this.pages.setZoom("width"));
    this.page = button(words.fitPage, () => this.pages.setZoom("page"));
    this.help = makeHelp(words);
    this.strip = new Strip(pages, words);
    this.stripButton = button(words.thumbnails, () => this.toggleStrip());
    this.stripButton.setAttribute("aria-expanded", "false");
    this.find = new Find(pages, words);
    const group = (...parts) => element("div", { class: "app-viewer__group" }, ...parts);
    this.node = element("div", { class: "app-viewer__tools", role: "group", "aria-label": words.tools },
      group(this.stripButton),
      group(this.previous, element("span", { class: "app-viewer__where" }, this.number, ` ${fill(words.of, { count: pages.count })}`), this.next),
      group(button("−", () => this.pages.step(-1), { heard: words.zoomOut }), this.zoomed, button("+", () => this.pages.step(1), { heard: words.zoomIn }), this.width, this.page),
      group(button("↻", () => this.turn(), { heard: words.rotate })),
      this.find.node,
      group(button(words.keys, () => this.help.showModal()), this.help),
    );
    pages.stage.addEventListener("keydown", (event) => this.onKey(event));
  }

  update() {
    const { page, count, zoom } = this.pages;
    if (document.activeElement !== this.number) this.number.value = String(page);
    // a button that has the focus is not taken away from under it
    this.previous.setAttribute("aria-disabled", String(page <= 1));
    this.next.setAttribute("aria-disabled", String(page >= count));
    const percent = Math.round(this.pages.percent());
    this.zoomed.textContent = `${percent}%`;
    this.width.setAttribute("aria-pressed", String(zoom === "width"));
    this.page.setAttribute("aria-pressed", String(zoom === "page"));
    this.strip.show(page);
  }

  turn() {
    const { page } = this.pages;
    this.pages.turn(page);
    this.say(fill(this.words.rotated, { number: page, degrees: this.pages.sheets[page - 1].turned }));
  }

  toggleStrip() {
    const open = this.strip.node.hidden;
    this.strip.node.hidden = !open;
    this.stripButton.setAttribute("aria-expanded", String(open));
    this.strip.show(this.pages.page);
    this.pages.layOut();
  }

  /** Keys of the stage alone, so that nothing else on the page loses one. */
  onKey(event) {
    if (event.target !== this.pages.stage || event.ctrlKey || event.altKey || event.metaKey) return;
    const { pages } = this;
    const always = {
      ArrowRight: () => pages.goTo(pages.page + 1),
      ArrowLeft: () => pages.goTo(pages.page - 1),
      PageDown: () => pages.goTo(pages.page + 1),
      PageUp: () => pages.goTo(pages.page - 1),
      Home: () => pages.goTo(1),
      End: () => pages.goTo(pages.count),
    };
    const single = {
      "+": () => pages.step(1),
      "=": () => pages.step(1),
      "-": () => pages.step(-1),
      f: () => pages.setZoom(pages.zoom === "width" ? "page" : "width"),
      r: () => this.turn(),
    };
    const act = always[event.key] ?? (singleKeys ? single[event.key] : undefined);
    if (!act) return;
    event.preventDefault();
    const before = pages.page;
    act();
    if (pages.page !== before) this.say(fill(this.words.pageOf, { number: pages.page, count: pages.count }));
    else if (single[event.key] && event.key !== "r") this.say(fill(this.words.zoomNow, { percent: Math.round(pages.percent()) }));
  }
}

function makeHelp(words) {
  const box = element("input", { class: "govuk-checkboxes__input", type: "checkbox", id: `keys-${Math.random().toString(36).slice(2)}` });
  box.checked = singleKeys;
  box.addEventListener("change", () => keepSingleKeys(box.checked));
  const rows = words.keyList.map(([key, does]) => element("tr", { class: "govuk-table__row" },
    element("th", { class: "govuk-table__header", scope: "row", text: key }), element("td", { class: "govuk-table__cell", text: does })));
  const head = element("tr", { class: "govuk-table__row" }, element("th", { class: "govuk-table__header", scope: "col", text: words.keyColumn }), element("th", { class: "govuk-table__header", scope: "col", text: words.doesColumn }));
  const table = element("table", { class: "govuk-table app-table--compact" },
    element("caption", { class: "govuk-table__caption govuk-table__caption--m", text: words.keysTitle }),
    element("thead", { class: "govuk-table__head" }, head), element("tbody", { class: "govuk-table__body" }, ...rows));
  const choice = element("div", { class: "govuk-checkboxes govuk-checkboxes--small" }, element("div", { class: "govuk-checkboxes__item" }, box,
    element("label", { class: "govuk-label govuk-checkboxes__label", for: box.id, text: words.keysSingle })));
  const close = element("button", { type: "button", class: "govuk-button", text: words.close });
  const dialog = element("dialog", { class: "app-viewer__help", "aria-label": words.keysTitle }, table, element("p", { class: "govuk-body", text: words.keysWhere }), choice, close);
  close.addEventListener("click", () => dialog.close());
  return dialog;
}

class Strip {
  constructor(pages, words) {
    this.pages = pages;
    this.words = words;
    this.list = element("ol", { class: "app-viewer__thumbs" });
    this.node = element("nav", { class: "app-viewer__strip", "aria-label": words.thumbnails, hidden: true }, this.list);
    this.entries = pages.sheets.map((sheet) => this.entry(sheet));
    this.list.append(...this.entries.map((entry) => entry.item));
    this.seen = new IntersectionObserver((found) => this.onSeen(found), { root: this.node, rootMargin: "50% 0%" });
    for (const entry of this.entries) this.seen.observe(entry.item);
  }

  entry(sheet) {
    const image = element("img", { alt: "", width: "96", draggable: "false" });
    const heard = fill(this.words.pageOf, { number: sheet.number, count: this.pages.count });
    const link = element("button", { type: "button", class: "app-viewer__thumb", "aria-label": heard }, image, element("span", { text: String(sheet.number) }));
    link.addEventListener("click", () => this.pages.goTo(sheet.number));
    return { item: element("li", { "data-thumb": String(sheet.number) }, link), link, image, asked: false };
  }

  onSeen(found) {
    for (const one of found) {
      const entry = this.entries[Number(one.target.dataset.thumb) - 1];
      if (!one.isIntersecting || entry.asked) continue;
      entry.asked = true;
      this.pages.source.load(entry.image, `thumbnails/${one.target.dataset.thumb}`).catch(() => {
        entry.asked = false; // its number is there, and the page itself
      });
    }
  }

  show(page) {
    for (const [index, entry] of this.entries.entries()) {
      if (index + 1 === page) entry.link.setAttribute("aria-current", "page");
      else entry.link.removeAttribute("aria-current");
    }
    if (this.node.hidden) return;
    const item = this.entries[page - 1]?.item;
    if (item) this.node.scrollTop = item.offsetTop - this.node.clientHeight / 2;
  }
}
