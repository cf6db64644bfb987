// The viewer of works. Markup: templates/macros/viewer.html.
//
// What other modules may use:
//   import { viewers, startViewers } from "./viewer.js"
//   viewers            the viewers of the page, each with .node, .files, .current (a File), .open(documentId, {page, zoom, …})
//   events, on the viewer's <section>, which bubble:
//     "nea:file"       a file was opened      detail {viewer, file}; file.pages or file.media is set
//     "nea:place"      one is somewhere else  detail {document, page, zoom, turned, seconds}
//   event "nea:swapped" on document: another work was opened in place, without a reload; detail {main}. Modules of a page
//     listen to it and start again on `main`. A click on [data-viewer-step] does it; the link works by itself without scripts.
//     "nea:leaving" comes before it, cancellable.

import { equipComponents } from "./components.js";
import { element, fill, speaker } from "./dom.js";
import { Media } from "./viewer-media.js";
import { Pages } from "./viewer-pages.js";
import { Source } from "./viewer-source.js";
import { Tools } from "./viewer-tools.js";

/** @type {Viewer[]} */
export const viewers = [];

class File {
  constructor(viewer, given) {
    this.viewer = viewer;
    this.id = given.dataset.document;
    this.label = given.dataset.label;
    this.slot = given.dataset.slot;
    this.kind = given.dataset.kind;
    this.count = Number(given.dataset.count);
    this.shapes = JSON.parse(given.dataset.shapes);
    this.source = new Source({ id: this.id, base: given.dataset.base, ticket: given.dataset.ticket });
    this.place = { page: 1, zoom: "width", seconds: 0 };
    this.pages = null;
    this.media = null;
    this.tools = null;
  }

  /** Builds the file's view on first opening. */
  make() {
    if (this.body) return this.body;
    const { words } = this.viewer;
    this.body = element("div", { class: "app-viewer__file", "data-file": this.id });
    if (this.kind === "pages" && this.count > 0) {
      this.pages = new Pages({ source: this.source, label: this.label, count: this.count, shapes: this.shapes, words }, (change) => this.changed(change));
      this.tools = new Tools(this.pages, words, (said) => this.viewer.say(said));
      this.body.append(this.tools.node, element("div", { class: "app-viewer__main" }, this.tools.strip.node, this.pages.stage));
    } else if (this.kind === "audio" || this.kind === "video") {
      this.media = new Media({ source: this.source, kind: this.kind, label: this.label, words }, (change) => this.changed(change));
      this.body.append(this.media.node);
    } else {
      this.body.append(element("p", { class: "govuk-body", text: words.cannotShow }));
    }
    return this.body;
  }

  changed(change) {
    this.place = { ...this.place, ...change };
    this.tools?.update();
    this.viewer.tellPlace(this);
  }

  start({ page, zoom, seconds } = {}) {
    if (this.pages && !this.started) {
      this.started = true;
      if (zoom) this.pages.zoom = zoom;
      this.pages.start();
    } else if (this.media && !this.started) {
      this.started = true;
      this.media.start();
    }
    if (this.pages && zoom) this.pages.setZoom(zoom);
    if (this.pages && page) this.pages.goTo(page);
    if (this.media && seconds) this.media.player.addEventListener("loadedmetadata", () => this.media.seek(seconds), { once: true });
    this.tools?.update();
  }

  stop() {
    this.media?.stop();
  }
}

export class Viewer {
  /** @param {HTMLElement} node */
  constructor(node) {
    this.node = node;
    this.words = JSON.parse(node.dataset.words);
    const given = [...node.querySelectorAll("[data-document]")];
    this.files = given.map((one) => new File(this, one));
    for (const one of given) one.remove();
    node.querySelector("noscript")?.remove();
    this.body = element("div", { class: "app-viewer__body" });
    if (this.files.length > 1) node.append(this.makeList());
    node.append(this.body);
    this.say = speaker(node);
    viewers.push(this);
    const start = this.files.find((file) => file.id === node.dataset.start) ?? this.files[0];
    if (start) this.open(start.id, { page: Number(node.dataset.page) || 1 });
  }

  makeList() {
    const { words } = this;
    this.links = new Map();
    const items = this.files.map((file, index) => {
      const size = { pages: file.count === 1 ? words.onePage : fill(words.pages, { count: file.count }), audio: words.recording, video: words.film }[file.kind] ?? "";
      const link = element("button", { type: "button", class: "app-viewer__tab", on: { click: () => this.open(file.id) } },
        element("span", { class: "govuk-visually-hidden", text: `${fill(words.file, { number: index + 1, count: this.files.length })}: ` }),
        element("span", { class: "app-viewer__tab-name", text: file.label }),
        element("span", { class: "app-viewer__tab-size", text: [file.slot, size].filter(Boolean).join(", ") }));
      this.links.set(file.id, link);
      return element("li", {}, link);
    });
    return element("nav", { class: "app-viewer__files", "aria-label": words.files }, element("ul", { class: "app-viewer__tabs" }, ...items));
  }

  /**
   * Opens a file, where one was in it or at a place.
   * @param {string} id
   * @param {{page?: number, zoom?: number|string, seconds?: number}} [at]
   */
  open(id, at) {
    const file = this.files.find((one) => one.id === id);
    if (!file) return;
    if (file !== this.current) {
      this.current?.stop();
      this.current = file;
      this.body.replaceChildren(file.make());
      for (const [key, link] of this.links ?? []) {
        if (key === id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
    file.start(at ?? { page: file.place.page });
    this.node.dispatchEvent(new CustomEvent("nea:file", { bubbles: true, detail: { viewer: this, file } }));
    this.tellPlace(file);
  }

  tellPlace(file) {
    if (file !== this.current) return;
    this.node.dispatchEvent(new CustomEvent("nea:place", { bubbles: true, detail: { document: file.id, ...file.place } }));
  }

  stop() {
    for (const file of this.files) file.pages?.stop();
    this.current?.stop();
    viewers.splice(viewers.indexOf(this), 1);
  }
}

/** Starts every viewer below a node that has not been started. */
export function startViewers(root) {
  for (const node of root.querySelectorAll("[data-viewer]:not([data-started])")) {
    node.dataset.started = "";
    new Viewer(node);
  }
}

let here = location.pathname + location.search;

// ---- the next work in place -----------------------------------------------------------------------------------------

// An XMLHttpRequest makes a document of the answer by itself: the policy lets no script make markup of text.
function fetchPage(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.setRequestHeader("Accept", "text/html");
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(new Error(String(request.status))));
    request.onerror = () => reject(new Error("no connection"));
    request.send();
  });
}

async function swap(address, { push }) {
  const old = document.getElementById("main-content");
  old.setAttribute("aria-busy", "true");
  let page;
  try {
    page = await fetchPage(address);
  } catch {
    location.assign(address); // the plain way says what is wrong
    return;
  }
  old.removeAttribute("aria-busy");
  showPage(page, address, { push });
}

/**
 * Shows a page of ours in place of this one, without a reload: what another request answered with, such as a form sent.
 * @param {Document} page
 * @param {string} address
 * @param {{push: boolean, focus?: string}} how  `focus`: what to go to instead of the heading
 * @returns {boolean} whether it is shown, or the browser is on its way there
 */
export function showPage(page, address, { push, focus = "" }) {
  const leaving = new CustomEvent("nea:leaving", { cancelable: true });
  if (!document.dispatchEvent(leaving)) return false;
  const next = page.getElementById("main-content");
  if (!next) {
    location.assign(address);
    return true;
  }
  for (const viewer of [...viewers]) viewer.stop();
  const main = document.importNode(next, true);
  // The way back above the page belongs to the work, too.
  const [above, below] = [document, page].map((one) => one.querySelector(".govuk-back-link"));
  if (above && below) above.replaceWith(document.importNode(below, true));
  document.getElementById("main-content").replaceWith(main);
  const token = page.querySelector('meta[name="csrf-token"]')?.content;
  if (token) document.querySelector('meta[name="csrf-token"]').content = token;
  document.title = page.title;
  if (push) {
    history.pushState({ work: true }, "", address);
    here = location.pathname + location.search;
  }
  equipComponents(main);
  startViewers(main);
  document.dispatchEvent(new CustomEvent("nea:swapped", { detail: { main } }));
  const heading = main.querySelector("h1");
  const goal = (focus && main.querySelector(focus)) || heading;
  goal?.setAttribute("tabindex", "-1");
  goal?.focus({ preventScroll: true });
  scrollTo(0, 0);
  const [first] = viewers;
  first?.say(fill(first.words.workOpened, { title: heading?.textContent ?? page.title }));
  return true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-viewer-step]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  swap(link.href, { push: true });
});
addEventListener("popstate", () => {
  const wanted = location.pathname + location.search;
  if (wanted !== here && viewers.length > 0) swap(location.href, { push: false });
  here = wanted;
});

startViewers(document);
