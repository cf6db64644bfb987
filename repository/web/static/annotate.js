// Notes on works: on pages as points, boxes and stamps, on recordings as moments and stretches. Each stroke goes through the
// journal. Starts on every viewer with data-notes; where the person may write, with data-annotate.

import { PageMarks, TimeMarks, titleOf } from "./annotate-marks.js";
import { Panel } from "./annotate-panel.js";
import { button, fill } from "./dom.js";
import { viewers } from "./viewer.js";

const PLACE_AFTER_MS = 1500;
const AGAIN_MS = 5000;

class Notes {
  /** @param {import("./viewer.js").Viewer} viewer */
  constructor(viewer, journal) {
    this.viewer = viewer;
    this.journal = journal;
    this.caseId = viewer.node.dataset.case;
    this.item = viewer.node.dataset.item || null;
    this.words = JSON.parse(viewer.node.dataset.noteWords);
    this.words.stamps = Object.fromEntries(this.words.stamps);
    this.views = new Map(); // document → {file, panel, marks, foreign}
    viewer.node.addEventListener("nea:file", (event) => this.attach(event.detail.file));
    this.stop = journal?.subscribe(() => this.drawSoon());
    if (viewer.current) this.attach(viewer.current);
    if (journal) this.followPlace();
  }

  attach(file) {
    if (this.views.has(file.id)) return this.draw();
    if (!file.pages && !file.media) return;
    const acts = {
      begin: (tool) => this.begin(tool),
      write: (id, change) => this.change(id, change),
      remove: (id) => this.remove(id),
      show: (id) => this.show(id),
      move: (id, change) => (change ? this.change(id, change) : this.beginMove(id)),
      settle: (id, chosen) => this.journal.choose(id, chosen),
      opened: (id) => this.journal.look(id),
      setSpan: (id) => this.change(id, (body) => ({ to: Math.max(body.from, Math.round(file.media.player.currentTime * 10) / 10) })),
      open: (id) => {
        if (this.view.panel.node.hidden) this.view.toggle.click();
        this.view.panel.open(id);
      },
      placed: (tool, place) => this.placed(tool, place),
      stopped: () => this.view.panel.say(""),
    };
    // Who only reads notes is shown the list when there is one.
    const panel = new Panel(this.words, { canWrite: Boolean(this.journal), isMedia: Boolean(file.media) }, acts);
    const marks = file.pages ? new PageMarks(file.pages, this.words, acts) : new TimeMarks(file.media, this.words, acts);
    panel.node.hidden = !this.journal;
    const view = { file, panel, marks, foreign: [], toggle: null };
    this.views.set(file.id, view);
    if (file.pages) {
      file.body.querySelector(".app-viewer__main").append(panel.node);
      view.toggle = this.addToggle(file, panel);
      file.pages.layOut();
    } else file.body.append(panel.node);
    this.draw();
    this.readOthers(file.id);
  }

  // Who reads more than notes gives the page its whole width.
  addToggle(file, panel) {
    const toggle = button(this.words.title, () => {
      panel.node.hidden = !panel.node.hidden;
      toggle.setAttribute("aria-expanded", String(!panel.node.hidden));
      file.pages.layOut();
    });
    toggle.setAttribute("aria-expanded", String(!panel.node.hidden));
    file.tools.node.append(toggle);
    return toggle;
  }

  get view() {
    return this.views.get(this.viewer.current?.id);
  }

  // ---- what stands ------------------------------------------------------------------------------------------------

  async readOthers(id) {
    const answer = await fetch(`/api/documents/${id}/annotations`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok) return;
    const { annotations } = await answer.json();
    const theirs = annotations.filter((one) => !this.journal || !one.mine);
    const view = this.views.get(id);
    if (theirs.length > 0 && view.panel.node.hidden) {
      if (view.toggle) view.toggle.click();
      else view.panel.node.hidden = false;
    }
    view.foreign = theirs.map((one) => ({ entryId: one.entry_id, body: one.body, mine: false, author: one.author, isLate: one.late, others: [] }));
    this.draw();
  }

  notes() {
    const { file, foreign } = this.view;
    const own = (this.journal?.entries("annotation") ?? []).filter((one) => one.document === file.id).map((one) => ({ ...one, mine: true }));
    const at = ({ body }) => (body.type === "time" ? body.from : body.page * 10_000 + body.y);
    const all = [...own, ...foreign].sort((one, other) => at(one) - at(other));
    return all.map((note, index) => ({ ...note, number: index + 1, title: `${index + 1}. ${titleOf(note, this.words)}` }));
  }

  drawSoon() {
    this.drawing ??= requestAnimationFrame(() => {
      this.drawing = undefined;
      this.draw();
    });
  }

  draw() {
    if (!this.view) return;
    const notes = this.notes();
    this.view.marks.draw(notes);
    this.view.panel.draw(notes);
  }

  // ---- what is done -----------------------------------------------------------------------------------------------

  begin(tool) {
    const { file, panel, marks } = this.view;
    this.moving = null;
    if (tool === "time") {
      const from = Math.round(file.media.player.currentTime * 10) / 10;
      return this.add({ type: "time", from, to: from, text: "" });
    }
    panel.say(tool === "highlight" ? this.words.placeBox : this.words.placePoint);
    marks.begin(tool);
  }

  beginMove(id) {
    const { panel, marks } = this.view;
    const { body } = this.journal.entry(id);
    panel.say(this.words.placePoint);
    marks.begin(body.type === "highlight" ? "highlight" : "note");
    this.moving = id; // after begin: a tool that was chosen before is over
  }

  placed(tool, place) {
    if (this.moving) {
      const id = this.moving;
      this.moving = null;
      this.change(id, place);
      this.view.panel.open(id);
      return;
    }
    const stamp = tool === "stamp" ? { stamp: this.view.panel.stamp.value } : {};
    this.add({ type: tool, ...place, ...stamp, text: "" });
  }

  add(body) {
    const entryId = crypto.randomUUID();
    this.write(entryId, body);
    this.draw();
    if (body.type === "stamp") this.view.panel.say(fill(this.words.placed, { note: titleOf({ body }, this.words) }));
    else this.view.panel.open(entryId);
  }

  change(id, change) {
    const entry = this.journal.entry(id);
    if (!entry) return;
    const made = typeof change === "function" ? change(entry.body) : change;
    if (!("text" in made)) this.journal.look(id); // what is moved is what is seen
    this.write(id, { ...entry.body, ...made });
  }

  write(entryId, body) {
    this.journal.write({ entryId, kind: "annotation", item: this.item, document: this.view.file.id, body });
  }

  remove(id) {
    this.view.panel.openId = null;
    this.journal.remove(id);
    this.draw();
    this.view.panel.say(this.words.removed);
    this.view.panel.node.querySelector("button")?.focus();
  }

  show(id) {
    const { file } = this.view;
    const { body } = this.notes().find((note) => note.entryId === id);
    if (file.media) file.media.seek(body.from);
    else {
      file.pages.reveal(body.page, body.y);
      file.pages.stage.querySelector(`[data-note="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
    }
  }

  // ---- where one is -----------------------------------------------------------------------------------------------

  followPlace() {
    const entryId = `place:${this.item ?? this.caseId}`;
    const kept = this.journal.entry(entryId)?.body;
    const { start: asked, page } = this.viewer.node.dataset;
    if (kept && (!asked || asked === kept.document) && Number(page) <= 1) this.viewer.open(kept.document, { page: kept.page, zoom: kept.zoom, seconds: kept.seconds });
    let timer;
    this.viewer.node.addEventListener("nea:place", ({ detail }) => {
      clearTimeout(timer);
      const { document: documentId, page, zoom, seconds } = detail;
      timer = setTimeout(() => {
        if (!viewers.includes(this.viewer)) return; // another work was opened in its place
        const body = { document: documentId, item: this.item, page, zoom, seconds };
        if (JSON.stringify(this.journal.entry(entryId)?.body) === JSON.stringify(body)) return;
        this.journal.write({ entryId, kind: "place", item: this.item, document: documentId, body });
      }, PLACE_AFTER_MS);
    });
  }
}

const active = new Set();

async function start() {
  for (const notes of active) {
    if (viewers.includes(notes.viewer)) continue;
    notes.stop?.();
    active.delete(notes);
  }
  for (const viewer of viewers) {
    const { node } = viewer;
    if (!("notes" in node.dataset) || "noted" in node.dataset) continue;
    node.dataset.noted = "";
    let journal = null;
    if ("annotate" in node.dataset) {
      const { openJournal } = await import("./journal.js");
      try {
        journal = await openJournal(node.dataset.case);
      } catch {
        delete node.dataset.noted; // the line was away just now: the work can be read, and notes come with it
        setTimeout(start, AGAIN_MS);
        continue;
      }
    }
    active.add(new Notes(viewer, journal));
  }
}

document.addEventListener("nea:swapped", start);
start();
