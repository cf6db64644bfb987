// Notes where they stand: on a page, in thousandths of it, and on the line of a recording. Placing and moving them by
// pointer and by keyboard.

import { clock, element, fill } from "./dom.js";
import { place } from "./viewer-pages.js";

const STEP = 10; // thousandths of the page, for one press of an arrow key
const CLICK = 8; // a drag shorter than this is a click
const HEIGHT = 40; // of a box that was placed by one key

export const STAMPS = { tick: "✓", seen: "○", unclear: "?", bod: "BOD", rep: "REP", omit: "^" };

const bounded = (value, most = 1000) => Math.round(Math.min(most, Math.max(0, value)));

/** Where a pointer is on a paper, in thousandths of it, however it is turned. */
export function pointOn(sheet, event) {
  const box = sheet.paper.getBoundingClientRect();
  const across = (event.clientX - box.left) / box.width;
  const down = (event.clientY - box.top) / box.height;
  const [x, y] = { 0: [across, down], 90: [down, 1 - across], 180: [1 - across, 1 - down], 270: [1 - down, across] }[sheet.turned];
  return { x: bounded(x * 1000), y: bounded(y * 1000) };
}

/** The middle of what is in sight of a page. */
export function middleOf(pages, sheet) {
  const seen = pages.stage.scrollTop + pages.stage.clientHeight / 2 - sheet.node.offsetTop;
  return { x: 500, y: sheet.turned === 0 ? bounded((seen / Math.max(1, sheet.node.offsetHeight)) * 1000, 950) : 500 };
}

export class PageMarks {
  /**
   * @param {import("./viewer-pages.js").Pages} pages
   * @param {Object} words
   * @param {{open: (id: string) => void, move: (id: string, change: Object) => void, placed: (tool: string, place: Object) => void,
   *   stopped: () => void}} acts
   */
  constructor(pages, words, acts) {
    this.pages = pages;
    this.words = words;
    this.acts = acts;
    this.tool = null;
    const { stage } = pages;
    stage.addEventListener("pointerdown", (event) => this.onDown(event));
    stage.addEventListener("pointermove", (event) => this.onMove(event));
    stage.addEventListener("pointerup", (event) => this.onUp(event));
    stage.addEventListener("pointercancel", () => this.forget());
    stage.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** Draws all notes anew. `notes`: [{entryId, body, mine}] */
  draw(notes) {
    const focused = document.activeElement?.dataset?.note;
    for (const sheet of this.pages.sheets) {
      const own = notes.filter((note) => note.body.page === sheet.number);
      sheet.notes.replaceChildren(...own.map((note) => this.mark(note)));
    }
    if (focused) this.pages.stage.querySelector(`[data-note="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  mark({ entryId, body, mine, number, title }) {
    const made = element("button", {
      type: "button",
      class: `app-note app-note--${body.type}${mine ? "" : " app-note--other"}`,
      "data-note": entryId,
      "aria-label": title,
      title,
      text: body.type === "stamp" ? (STAMPS[body.stamp] ?? "?") : body.type === "highlight" ? "" : String(number),
      on: {
        click: (event) => {
          event.stopPropagation();
          if (!this.dragged) this.acts.open(entryId);
          this.dragged = false;
        },
        keydown: (event) => mine && this.onMarkKey(event, entryId, body),
      },
    });
    if (body.type === "highlight") place(made, body.x, body.y, body.w, body.h);
    else place(made, body.x, body.y);
    return made;
  }

  /** Arrow keys move a note, with Shift they change the size of a box. */
  onMarkKey(event, entryId, body) {
    const [across, down] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [0, 0];
    if (!across && !down) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey && body.type === "highlight") {
      this.acts.move(entryId, { w: Math.max(10, bounded(body.w + across, 1000 - body.x)), h: Math.max(10, bounded(body.h + down, 1000 - body.y)) });
    } else {
      this.acts.move(entryId, { x: bounded(body.x + across, 1000 - (body.w ?? 0)), y: bounded(body.y + down, 1000 - (body.h ?? 0)) });
    }
  }

  // ---- placing ----------------------------------------------------------------------------------------------------

  /** The next click on a page, or Enter, places `tool`; Escape stops. */
  begin(tool) {
    this.tool = tool;
    this.corner = null;
    this.pages.stage.classList.add("app-viewer__stage--placing");
    this.pages.stage.focus({ preventScroll: true });
  }

  stop() {
    this.tool = null;
    this.corner = null;
    this.ghost?.remove();
    this.pages.stage.classList.remove("app-viewer__stage--placing");
    this.acts.stopped();
  }

  finish(sheet, body) {
    const { tool } = this;
    this.stop();
    this.acts.placed(tool, { page: sheet.number, ...body });
  }

  onKey(event) {
    if (!this.tool || event.target !== this.pages.stage) return;
    if (event.key === "Escape") {
      event.preventDefault();
      this.stop();
    } else if (event.key === "Enter") {
      event.preventDefault();
      const sheet = this.pages.sheets[this.pages.page - 1];
      const { x, y } = middleOf(this.pages, sheet);
      this.finish(sheet, this.tool === "highlight" ? { x: 100, y: bounded(y, 1000 - HEIGHT), w: 800, h: HEIGHT } : { x, y });
    }
  }

  sheetAt(event) {
    const found = event.target.closest?.(".app-viewer__paper")?.parentElement?.dataset.sheet;
    return found ? this.pages.sheets[Number(found) - 1] : null;
  }

  onDown(event) {
    if (event.button !== 0) return;
    const sheet = this.sheetAt(event);
    const own = event.target.closest?.(".app-note:not(.app-note--other)");
    if (!this.tool && sheet && own) {
      this.holding = { id: own.dataset.note, node: own, sheet, from: pointOn(sheet, event) };
      return;
    }
    if (!this.tool || !sheet) return;
    event.preventDefault();
    const at = pointOn(sheet, event);
    if (this.tool !== "highlight") return;
    if (this.corner && this.corner.sheet === sheet) {
      this.second = true; // the opposite corner by a second click
      return;
    }
    this.corner = { sheet, ...at };
    this.ghost?.remove();
    this.ghost = element("span", { class: "app-viewer__box app-viewer__box--now" });
    sheet.boxes.append(this.ghost);
    this.pages.stage.setPointerCapture?.(event.pointerId);
  }

  onMove(event) {
    if (this.holding) {
      const at = pointOn(this.holding.sheet, event);
      const far = Math.abs(at.x - this.holding.from.x) + Math.abs(at.y - this.holding.from.y);
      if (far > CLICK) this.dragged = true;
      this.holding.at = at;
      return;
    }
    if (!this.corner) return;
    const box = this.boxTo(pointOn(this.corner.sheet, event));
    place(this.ghost, box.x, box.y, box.w, box.h);
  }

  onUp(event) {
    if (this.holding) {
      const { id, from, at } = this.holding;
      this.holding = null;
      if (this.dragged && at) this.acts.move(id, (body) => ({ x: bounded(body.x + at.x - from.x, 1000 - (body.w ?? 0)), y: bounded(body.y + at.y - from.y, 1000 - (body.h ?? 0)) }));
      return;
    }
    if (!this.tool) return;
    const sheet = this.corner?.sheet ?? this.sheetAt(event);
    if (!sheet) return;
    const at = pointOn(sheet, event);
    if (this.tool !== "highlight") return this.finish(sheet, at);
    const box = this.boxTo(at);
    if (box.w < CLICK && box.h < CLICK && !this.second) return; // the first corner stands; the second click ends it
    this.second = false;
    this.finish(sheet, { ...box, w: Math.max(10, box.w), h: Math.max(10, box.h) });
  }

  forget() {
    this.holding = null;
    this.dragged = false;
  }

  boxTo({ x, y }) {
    const { x: from, y: top } = this.corner;
    return { x: Math.min(x, from), y: Math.min(y, top), w: Math.abs(x - from), h: Math.abs(y - top) };
  }
}

export class TimeMarks {
  /** @param {import("./viewer-media.js").Media} media */
  constructor(media, words, acts) {
    this.media = media;
    this.words = words;
    this.acts = acts;
    this.notes = [];
    media.player.addEventListener("loadedmetadata", () => this.draw(this.notes));
  }

  draw(notes) {
    this.notes = notes;
    const { duration } = this.media.player;
    this.media.marks.hidden = notes.length === 0 || !Number.isFinite(duration);
    this.media.marks.replaceChildren(...notes.map(({ entryId, body, mine, number, title }) => {
      const made = element("button", { type: "button", class: `app-note app-note--time${mine ? "" : " app-note--other"}`, "data-note": entryId, "aria-label": title, title, text: String(number), on: { click: () => this.acts.open(entryId) } });
      made.style.setProperty("left", `${(body.from / duration) * 100}%`);
      if (body.to > body.from) made.style.setProperty("width", `${((body.to - body.from) / duration) * 100}%`);
      return made;
    }));
  }
}

/** What a note is called in lists and on the page. */
export function titleOf(note, words) {
  const { body } = note;
  const kind = body.type === "stamp" ? (words.stamps[body.stamp] ?? words.note) : body.type === "highlight" ? words.highlight : words.note;
  const where = body.type === "time" ? (body.to > body.from ? `${clock(body.from)}–${clock(body.to)}` : clock(body.from)) : fill(words.onPage, { page: body.page });
  return `${where}: ${kind}${body.text ? ` – ${body.text.slice(0, 60)}` : ""}`;
}
