// The plan: which file goes where, how sure that is and why, until somebody says that it is so. Nothing is sent from here.
//
// Every file has a menu (the base, for keyboard and touch); files can also be dragged onto a candidate. Each change can be undone.
import { allocate, CONFIDENCE_WORDS, keyOf, shared } from "./allocation.js";
import { button, element } from "./elements.js";
import { byName } from "./preflight.js";
import { counted, sizeInWords } from "./words.js";

const DRAGGED = "application/x-nea-file";
const COLOURS = { certain: "green", likely: "turquoise", check: "yellow", nobody: "grey" };

/** @typedef {import("./chosen.js").Chosen} Chosen */
/** @typedef {import("./preflight.js").Finding} Finding */
/** @typedef {import("../uploader.js").Uploader} Uploader */
/** @typedef {import("../uploader.js").Row} Row */
/** @typedef {{item: string, slot: string}} Place */

/** One file of the plan: where it goes, and its line in the table. */
class Entry {
  /**
   * @param {Plan} plan
   * @param {Chosen} chosen
   * @param {import("./allocation.js").Proposal} proposal
   * @param {number} number
   */
  constructor(plan, chosen, proposal, number) {
    this.plan = plan;
    this.chosen = chosen;
    this.proposal = proposal;
    /** @type {Place | null} */
    this.place = proposal.item && proposal.slot ? { item: proposal.item, slot: proposal.slot } : null;
    /** @type {Finding | null} */
    this.finding = null;
    /** @type {Finding | null} why it is asked about, though somebody chose a candidate for it */
    this.asked = null;
    /** @type {string} what the file repeats */
    this.same = "";
    this.repeated = false; // whether this very content is at this very place already: then there is nothing to do
    this.byHand = false;
    const { file, path } = this.chosen;
    const id = `plan-${number}`;
    const folders = path.slice(0, Math.max(0, path.length - file.name.length - 1));
    this.menu = element("select", { class: "govuk-select app-plan__menu", id, "aria-describedby": `${id}-why` });
    this.fill();
    this.tag = element("strong", { class: "govuk-tag" });
    this.why = element("span", { class: "app-plan__why", id: `${id}-why` });
    const name = element("span", { class: "app-plan__name", text: file.name });
    const more = element("span", { class: "app-plan__hint", text: [folders, sizeInWords(file.size)].filter(Boolean).join(", ") });
    const label = element("label", { class: "govuk-visually-hidden", for: id, text: `Where does ${file.name} go?` });
    this.line = element(
      "tr",
      { class: "govuk-table__row app-plan__file", draggable: "true" },
      element("th", { scope: "row", class: "govuk-table__header app-plan__cell" }, name, more),
      element("td", { class: "govuk-table__cell app-plan__cell" }, label, this.menu),
      element("td", { class: "govuk-table__cell app-plan__cell" }, this.tag, " ", this.why),
    );
    this.menu.addEventListener("change", () => this.plan.move(this, readPlace(this.menu.value)));
    this.line.addEventListener("dragstart", (event) => {
      event.dataTransfer?.setData(DRAGGED, id);
      this.plan.dragged = this;
    });
    this.line.addEventListener("dragend", () => (this.plan.dragged = null));
  }

  /** Fill the menu: those that it may be first, then everybody. */
  fill() {
    const rows = this.plan.uploader.rows;
    const likely = rows.filter((row) => this.proposal.maybe.includes(row.item));
    this.menu.append(element("option", { value: "", text: "Not sent" }));
    if (likely.length > 0) this.menu.append(element("optgroup", { label: "Perhaps" }, ...likely.flatMap(optionsOf)));
    this.menu.append(element("optgroup", { label: "Everybody" }, ...rows.filter((row) => !likely.includes(row)).flatMap(optionsOf)));
  }

  /** Whether it will be sent when somebody says so. */
  get goes() {
    return this.place !== null && this.finding?.level !== "stop";
  }

  /** Look at the file itself: by its name at once, by its bytes as soon as they are read. */
  async look() {
    const slot = this.place && this.plan.uploader.slotOf(this.place);
    this.finding = byName(this.chosen.file.name, this.chosen.file.size, slot ? slot.limits : this.plan.uploader.limits);
    if (!this.finding) {
      try {
        this.finding = await this.chosen.finding();
      } catch {
        this.finding = { level: "stop", words: "The browser could not read this file.", remedy: "It may have been moved or renamed: choose it again." };
      }
    }
    if (!this.byHand) this.finding ??= this.asked;
    if (this.finding?.level === "doubt" && !this.byHand) this.place = null;
    this.show();
  }

  /** @returns {[string, string]} how sure its place is, in words, and the colour of the tag */
  verdict() {
    if (this.finding?.level === "stop") return ["Cannot be sent", "red"];
    if (this.byHand) return [this.place ? "Chosen by you" : "Left out by you", "blue"];
    if (this.repeated) return ["Here already", "grey"];
    const level = this.finding || this.same ? "check" : this.proposal.confidence;
    return [CONFIDENCE_WORDS[level], COLOURS[level]];
  }

  show() {
    const { finding, proposal } = this;
    const stopped = finding?.level === "stop";
    const twice = this.place && this.plan.together.get(keyOf(this.place));
    const [words, colour] = this.verdict();
    this.tag.textContent = words;
    this.tag.className = `govuk-tag govuk-tag--${colour}`;
    this.why.textContent = [
      finding ? `${finding.words} ${finding.remedy}` : "",
      this.same,
      finding || this.byHand ? "" : proposal.why,
      twice && this.goes ? `${counted(twice.length, "file goes", "files go")} to this place; all are kept.` : "",
    ].filter(Boolean).join(" ");
    this.menu.value = this.place && !stopped ? JSON.stringify([this.place.item, this.place.slot]) : "";
    this.menu.disabled = stopped;
    this.line.classList.toggle("app-plan__file--out", !this.goes);
  }
}

export class Plan {
  /**
   * @param {Uploader} uploader
   * @param {HTMLElement} place
   */
  constructor(uploader, place) {
    this.uploader = uploader;
    this.place = place;
    /** @type {Entry[]} */
    this.entries = [];
    /** @type {(() => void)[]} */
    this.history = [];
    /** @type {Map<string, number[]>} */
    this.together = new Map();
    /** @type {Entry | null} */
    this.dragged = null;
    /** @type {number | undefined} */
    this.waiting = undefined;
    this.count = 0;
    this.heading = /** @type {HTMLElement} */ (place.querySelector("[data-plan-heading]"));
    this.list = /** @type {HTMLElement} */ (place.querySelector("[data-plan-list]"));
    this.others = /** @type {HTMLElement} */ (place.querySelector("[data-plan-others]"));
    this.othersList = /** @type {HTMLElement} */ (place.querySelector("[data-plan-others-list]"));
    this.othersSummary = /** @type {HTMLElement} */ (place.querySelector("[data-plan-others-summary]"));
    this.tray = /** @type {HTMLElement} */ (place.querySelector("[data-plan-tray]"));
    this.summary = /** @type {HTMLElement} */ (place.querySelector("[data-plan-summary]"));
    this.notes = /** @type {HTMLElement} */ (place.querySelector("[data-plan-notes]"));
    this.sendButton = /** @type {HTMLButtonElement} */ (place.querySelector("[data-plan-send]"));
    this.undoButton = /** @type {HTMLButtonElement} */ (place.querySelector("[data-plan-undo]"));
    this.sendButton.addEventListener("click", () => this.send());
    this.undoButton.addEventListener("click", () => this.undo());
    place.querySelector("[data-plan-clear]")?.addEventListener("click", () => this.clear());
    /** @type {Map<string, HTMLElement>} */
    this.targets = new Map(uploader.rows.map((row) => [row.item, this.target(row)]));
  }

  /**
   * Take files into the plan, each where its name says.
   * @param {readonly Chosen[]} files
   * @param {readonly string[]} hidden names of what was left out as nobody means it
   */
  add(files, hidden) {
    const proposals = allocate(files.map(({ path }) => path), this.uploader.sample);
    const made = files.map((chosen, at) => new Entry(this, chosen, proposals[at], (this.count += 1)));
    this.take(made);
    if (hidden.length > 0) {
      const names = hidden.slice(0, 4).join(", ");
      this.notes.textContent = `Left out, because computers make them for themselves: ${names}${hidden.length > 4 ? ` and ${hidden.length - 4} more` : ""}.`;
      this.notes.hidden = false;
    }
    const sure = made.filter((entry) => entry.goes).length;
    this.uploader.say(`${sure} of ${counted(files.length, "file")} placed. Nothing is sent until you say so.`);
  }

  /**
   * Ask about a file that somebody chose for a candidate, and that gives rise to a doubt.
   * @param {Chosen} chosen
   * @param {Row} row
   * @param {Finding} finding
   */
  ask(chosen, row, finding) {
    const why = `It was chosen for ${row.candidate}.`;
    const entry = new Entry(this, chosen, { confidence: "check", item: null, slot: null, maybe: [row.item], why }, (this.count += 1));
    entry.asked = finding;
    entry.finding = finding;
    this.take([entry]);
    this.uploader.say(`${chosen.file.name}: ${finding.words} ${finding.remedy}`);
  }

  /** @param {Entry[]} made */
  take(made) {
    const order = ["check", "likely", "certain", "nobody"];
    made.sort((one, other) => order.indexOf(one.proposal.confidence) - order.indexOf(other.proposal.confidence));
    this.entries.push(...made);
    for (const entry of made) (entry.proposal.confidence === "nobody" ? this.othersList : this.list).append(entry.line);
    this.place.hidden = false;
    this.show();
    this.heading.focus();
    this.examine(made.filter((entry) => !entry.finding));
  }

  /**
   * Find out what is wrong with files, and which are here already or go to two people, one after the other.
   * @param {readonly Entry[]} made
   */
  async examine(made) {
    for (const entry of made) {
      await entry.look();
      this.later();
    }
    for (const entry of made) {
      const { size } = entry.chosen.file;
      if (entry.finding?.level === "stop" || (!entry.place && !this.uploader.unfinished.begun.some((one) => one.size === size))) continue;
      try {
        this.recall(entry, await entry.chosen.digest());
      } catch {
        continue; // gone from the plan, or unreadable: sending says so
      }
      this.later();
    }
  }

  /**
   * Put a file where it was begun, on whatever computer and under whatever name.
   * @param {Entry} entry
   * @param {string} sha256
   */
  recall(entry, sha256) {
    const { size } = entry.chosen.file;
    const begun = this.uploader.unfinished.find(null, size, sha256);
    if (!begun || entry.byHand || !this.uploader.rows.some((row) => row.item === begun.item)) return;
    const percent = Math.floor((begun.offset / Math.max(1, begun.size)) * 100);
    const why = `It was begun here, and ${percent}% of it has arrived: only the rest is sent.`;
    entry.place = { item: begun.item, slot: begun.slot };
    entry.proposal = { confidence: "certain", item: begun.item, slot: begun.slot, maybe: [], why };
    if (entry.line.parentNode === this.othersList) this.list.append(entry.line);
  }

  /** Compare and show everything soon, once for all that was found out meanwhile. */
  later() {
    this.waiting ??= setTimeout(() => {
      this.waiting = undefined;
      this.compare();
      this.show();
    }, 50);
  }

  /** Hold the contents of all files against each other and against what is here. */
  compare() {
    /** @type {Map<string, Entry[]>} */
    const alike = new Map();
    for (const entry of this.entries) {
      const { sha256 } = entry.chosen;
      if (sha256) alike.set(sha256, [...(alike.get(sha256) ?? []), entry]);
    }
    const known = this.uploader.known(null);
    for (const [sha256, entries] of alike) {
      for (const entry of entries) {
        const { item, slot } = entry.place ?? (entry.same ? entry.proposal : { item: null, slot: null });
        if (entry.byHand || !item || !slot) continue;
        const wanted = { item, slot };
        const here = this.uploader.isHere(known, wanted, sha256) || isTwice(entry, wanted, entries);
        entry.repeated = here !== "";
        entry.same = here || this.uploader.isElsewhere(known, wanted, sha256) || this.isForTwo(entry, wanted, entries);
        entry.place = entry.same ? null : wanted;
      }
    }
  }

  /**
   * @param {Entry} entry
   * @param {Place} wanted
   * @param {readonly Entry[]} alike entries of the same content
   */
  isForTwo(entry, wanted, alike) {
    const other = alike.find((one) => one !== entry && placeOf(one) && placeOf(one)?.item !== wanted.item);
    const name = this.uploader.nameOf(placeOf(other)?.item ?? "");
    return other ? `The same content goes to ${name} as ${other.chosen.file.name}. If both are right, say so by choosing.` : "";
  }

  /**
   * Put a file somewhere, as a person says; it can be undone.
   * @param {Entry} entry
   * @param {Place | null} place
   */
  move(entry, place) {
    const before = { place: entry.place, byHand: entry.byHand, same: entry.same, repeated: entry.repeated };
    this.history.push(() => {
      entry.place = before.place;
      entry.byHand = before.byHand;
      entry.same = before.same;
      entry.repeated = before.repeated;
      entry.look().then(() => this.show());
      entry.menu.focus();
      const where = before.place ? `goes to ${this.uploader.nameOf(before.place.item)} again` : "is not sent";
      this.uploader.say(`Undone: ${entry.chosen.file.name} ${where}.`);
    });
    entry.byHand = true;
    entry.same = "";
    entry.repeated = false;
    entry.place = place;
    entry.look().then(() => {
      this.compare();
      this.show();
    });
    this.uploader.say(place ? `${entry.chosen.file.name} goes to ${this.uploader.nameOf(place.item)}.` : `${entry.chosen.file.name} is not sent.`);
  }

  undo() {
    this.history.pop()?.();
    this.undoButton.disabled = this.history.length === 0;
  }

  /** @param {Row} row */
  target(row) {
    const target = element("li", { class: "app-tray__candidate" });
    this.tray.append(target);
    target.addEventListener("dragover", (event) => {
      if (!this.dragged) return;
      event.preventDefault();
      target.classList.add("app-tray__candidate--over");
    });
    target.addEventListener("dragleave", () => target.classList.remove("app-tray__candidate--over"));
    target.addEventListener("drop", (event) => {
      target.classList.remove("app-tray__candidate--over");
      if (!this.dragged) return;
      event.preventDefault();
      event.stopPropagation();
      const slots = row.slots();
      const fitting = slots.find((slot) => this.dragged && !byName(this.dragged.chosen.file.name, this.dragged.chosen.file.size, slot.limits));
      this.move(this.dragged, { item: row.item, slot: (fitting ?? slots[0]).key });
    });
    return target;
  }

  show() {
    this.together = shared(this.entries.map((entry) => (entry.goes ? entry.place : null)));
    for (const entry of this.entries) entry.show();
    const going = this.entries.filter((entry) => entry.goes);
    const left = this.entries.length - going.length;
    /** @type {string[]} */
    const empty = [];
    for (const row of this.uploader.rows) {
      const count = going.filter((entry) => entry.place?.item === row.item).length;
      const target = this.targets.get(row.item);
      const words = count > 0 ? counted(count, "file") : row.isFilled() ? "nothing more" : "nothing yet";
      if (target) {
        target.textContent = `${row.title}: ${words}`;
        target.classList.toggle("app-tray__candidate--filled", count > 0 || row.isFilled());
      }
      if (count === 0 && !row.isFilled() && row.subject === "item") empty.push(row.candidate);
    }
    const people = new Set(going.filter((entry) => entry.place).map((entry) => entry.place?.item)).size;
    this.summary.textContent = [
      going.length > 0 ? `${counted(going.length, "file")} for ${counted(people, "candidate")} will be sent, ${sizeInWords(going.reduce((sum, entry) => sum + entry.chosen.file.size, 0))}.` : "No file has a place yet.",
      left > 0 ? `${counted(left, "file is", "files are")} not sent.` : "",
      empty.length > 0 ? `Still nothing for ${empty.slice(0, 8).join(", ")}${empty.length > 8 ? ` and ${empty.length - 8} more` : ""}.` : "Every candidate has work.",
    ].filter(Boolean).join(" ");
    this.sendButton.textContent = going.length === 1 ? "Send 1 file" : `Send ${going.length} files`;
    this.sendButton.disabled = going.length === 0;
    this.undoButton.disabled = this.history.length === 0;
    this.others.hidden = this.othersList.children.length === 0;
    this.othersSummary.textContent = `${counted(this.othersList.children.length, "file")} of nobody in this sample: not sent unless you say whose`;
    this.uploader.fillOverview(); // what is planned and what is on its way are told apart on the page
  }

  send() {
    const going = this.entries.filter((entry) => entry.goes);
    for (const entry of going) {
      entry.chosen.decided = entry.byHand;
      const row = this.uploader.rows.find((one) => one.item === entry.place?.item);
      const slot = row?.slots().find((one) => one.key === entry.place?.slot);
      if (row && slot) this.uploader.send(row, entry.chosen, slot);
    }
    const said = `${counted(going.length, "file")} on the way.`;
    for (const entry of this.entries) if (!entry.goes) entry.chosen.drop();
    this.clear();
    this.uploader.say(said);
    this.uploader.showQueue();
  }

  /** Forget the plan: nothing of it was sent. */
  clear() {
    for (const entry of this.entries) {
      if (!entry.goes) entry.chosen.drop();
      entry.line.remove();
    }
    this.entries = [];
    this.history = [];
    this.notes.hidden = true;
    this.place.hidden = true;
    this.uploader.fillOverview();
    this.uploader.focusStart();
  }
}

/**
 * Return where a file goes, or would go.
 * @param {Entry | undefined} entry
 * @returns {Place | null}
 */
function placeOf(entry) {
  const { item, slot } = entry?.place ?? entry?.proposal ?? { item: null, slot: null };
  return item && slot ? { item, slot } : null;
}

/**
 * @param {Entry} entry
 * @param {Place} wanted
 * @param {readonly Entry[]} alike entries of the same content, in the order of the plan
 */
function isTwice(entry, wanted, alike) {
  const first = alike.slice(0, alike.indexOf(entry)).find((one) => keyOf(placeOf(one) ?? { item: "", slot: "" }) === keyOf(wanted));
  return first ? `It is the same as ${first.chosen.file.name}, and is sent once.` : "";
}

/**
 * @param {Row} row
 * @returns {HTMLOptionElement[]}
 */
function optionsOf(row) {
  const slots = row.slots();
  return slots.map((slot) =>
    element("option", { value: JSON.stringify([row.item, slot.key]), text: slots.length > 1 ? `${row.title}: ${slot.title}` : row.title }));
}

/**
 * @param {string} value
 * @returns {Place | null}
 */
function readPlace(value) {
  if (!value) return null;
  const [item, slot] = JSON.parse(value);
  return { item, slot };
}
