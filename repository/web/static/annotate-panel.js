// The list of notes beside a file: everything that can be done with a pointer on the page can be done here by keyboard.

import { button, element, fill } from "./dom.js";
import { titleOf } from "./annotate-marks.js";

export class Panel {
  /**
   * @param {Object} words
   * @param {{canWrite: boolean, isMedia: boolean}} about
   * @param {Object} acts  begin(tool), stamp, write(id, change), remove(id), show(id), move(id), settle(id, other), opened(id), setSpan(id)
   */
  constructor(words, about, acts) {
    this.words = words;
    this.about = about;
    this.acts = acts;
    this.openId = null;
    this.hint = element("p", { class: "app-notes__hint", role: "status" });
    this.list = element("ol", { class: "app-notes__list" });
    this.empty = element("p", { class: "govuk-hint", text: words.none });
    this.node = element("section", { class: "app-notes", "aria-label": words.title },
      element("h2", { class: "govuk-heading-s app-notes__title", text: words.title }),
      ...(about.canWrite ? [this.makeTools()] : []), this.hint, this.empty, this.list);
  }

  makeTools() {
    const { words, acts } = this;
    if (this.about.isMedia) {
      return element("div", { class: "app-notes__tools" }, button(words.addAtTime, () => acts.begin("time")));
    }
    this.stamp = element("select", { class: "govuk-select app-viewer__select", "aria-label": words.stampKind });
    for (const [name, said] of Object.entries(words.stamps)) this.stamp.append(element("option", { value: name, text: said }));
    return element("div", { class: "app-notes__tools" },
      button(words.addNote, () => acts.begin("note")),
      button(words.addHighlight, () => acts.begin("highlight")),
      element("span", { class: "app-viewer__group" }, this.stamp, button(words.addStamp, () => acts.begin("stamp"))));
  }

  say(text) {
    this.hint.textContent = text;
  }

  /** @param {Array<Object>} notes  in the order of their place */
  draw(notes) {
    this.notes = notes;
    this.empty.hidden = notes.length > 0;
    const typing = this.list.contains(document.activeElement) && document.activeElement.matches("textarea");
    if (typing && notes.some((note) => note.entryId === this.openId)) {
      // The one that is typed in stays as it is under the fingers; the others are drawn around it.
      const kept = this.list.querySelector(`[data-entry="${CSS.escape(this.openId)}"]`);
      const items = notes.map((note) => (note.entryId === this.openId ? kept : this.item(note)));
      for (const item of [...this.list.children]) if (item !== kept) item.remove();
      const at = items.indexOf(kept);
      items.slice(0, at).forEach((item) => kept.before(item));
      items.slice(at + 1).reverse().forEach((item) => kept.after(item));
      const note = notes[at];
      kept.querySelector("[data-title]").textContent = `${note.number}. ${titleOf(note, this.words)}`;
      this.drawState(kept, note);
      return;
    }
    const focused = document.activeElement?.closest?.("[data-entry]")?.dataset.entry;
    const part = document.activeElement?.dataset?.part;
    this.list.replaceChildren(...notes.map((note) => this.item(note)));
    if (focused && part) this.list.querySelector(`[data-entry="${CSS.escape(focused)}"] [data-part="${part}"]`)?.focus();
  }

  item(note) {
    const isOpen = note.entryId === this.openId;
    const title = element("button", { type: "button", class: "app-notes__name", "data-part": "name", "aria-expanded": String(isOpen), on: { click: () => this.toggle(note.entryId) } },
      element("span", { "data-title": "", text: `${note.number}. ${titleOf(note, this.words)}` }));
    const made = element("li", { class: "app-notes__item", "data-entry": note.entryId }, title);
    made.append(element("div", { "data-state": "" }));
    if (isOpen) made.append(note.mine && this.about.canWrite ? this.editor(note) : element("p", { class: "app-notes__text", text: note.body.text || "–" }));
    this.drawState(made, note);
    return made;
  }

  // Who wrote it, whether it came late, and what another window wrote beside it.
  drawState(item, note) {
    const { words } = this;
    const lines = [];
    if (!note.mine) lines.push(element("p", { class: "app-notes__by", text: fill(words.by, { author: note.author }) }));
    if (note.isLate) lines.push(element("p", { class: "app-notes__late", text: words.late }));
    for (const other of note.others ?? []) {
      const said = other.body.deleted ? words.otherDeleted : other.body.text || titleOf(other, words);
      lines.push(element("div", { class: "app-notes__other" }, element("p", { text: words.other }), element("blockquote", { text: said }),
        button(words.useOther, () => this.acts.settle(note.entryId, other)), " ", button(words.keepThis, () => this.acts.settle(note.entryId, note))));
    }
    const place = item.querySelector("[data-state]");
    const signature = JSON.stringify([note.isLate, (note.others ?? []).map((other) => other.body)]);
    if (place.dataset.state === signature) return;
    place.dataset.state = signature;
    place.replaceChildren(...lines);
  }

  editor(note) {
    const { words, acts } = this;
    const id = note.entryId;
    const text = element("textarea", { class: "govuk-textarea app-notes__textarea", rows: "3", maxlength: "4000", "data-part": "text", id: `note-${id}` });
    text.value = note.body.text ?? "";
    text.addEventListener("focus", () => acts.opened(id));
    text.addEventListener("input", () => acts.write(id, { text: text.value }));
    text.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.toggle(id);
    });
    const parts = [element("label", { class: "govuk-label", for: `note-${id}`, text: words.text }), text];
    // Each has a name by which it has the focus again when the list is drawn anew, as when a stroke was saved.
    const tool = (part, label, act) => {
      const made = button(label, act);
      made.dataset.part = part;
      return made;
    };
    const tools = [tool("done", words.done, () => this.toggle(id)), tool("show", words.showIt, () => acts.show(id))];
    if (note.body.type === "time") tools.push(tool("end", words.endHere, () => acts.setSpan(id)));
    else tools.push(tool("move", words.move, () => acts.move(id)));
    tools.push(tool("remove", words.remove, () => acts.remove(id)));
    if (note.body.type !== "time") parts.push(element("p", { class: "govuk-hint app-notes__keys", text: note.body.type === "highlight" ? words.moveBoxKeys : words.moveKeys }));
    return element("div", { class: "app-notes__editor" }, ...parts, element("div", { class: "app-viewer__group" }, ...tools));
  }

  toggle(id) {
    this.open(this.openId === id ? null : id);
    if (this.openId === null) this.list.querySelector(`[data-entry="${CSS.escape(id)}"] [data-part="name"]`)?.focus();
  }

  /** Opens a note's editor and puts the caret into it; none for null. */
  open(id) {
    this.openId = id;
    document.activeElement?.blur?.();
    this.draw(this.notes ?? []);
    if (!id) return;
    const text = this.list.querySelector(`[data-entry="${CSS.escape(id)}"] textarea`) ?? this.list.querySelector(`[data-entry="${CSS.escape(id)}"] button`);
    text?.focus();
    this.list.querySelector(`[data-entry="${CSS.escape(id)}"]`)?.scrollIntoView({ block: "nearest" });
  }
}
