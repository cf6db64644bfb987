// A recording or a film: the browser's own player, which seeks by range, with speed and steps of ten seconds beside it.

import { button, element } from "./dom.js";
import { SignedOut } from "./viewer-source.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const STEP_SECONDS = 10;

export class Media {
  /** @param {{source: import("./viewer-source.js").Source, kind: "audio"|"video", label: string, words: Object}} given */
  constructor({ source, kind, label, words }, changed) {
    this.source = source;
    this.words = words;
    this.changed = changed;
    this.player = element(kind, { class: "app-viewer__player", controls: true, preload: "metadata", "aria-label": label });
    this.told = element("p", { class: "app-viewer__failed", hidden: true });
    this.speed = element("select", { class: "govuk-select app-viewer__select" });
    for (const speed of SPEEDS) this.speed.append(element("option", { value: speed, text: `${speed} ×`, selected: speed === 1 }));
    this.speed.addEventListener("change", () => {
      this.player.playbackRate = Number(this.speed.value);
    });
    const label_ = element("label", { class: "app-viewer__label" }, words.speed, " ", this.speed);
    this.tools = element("div", { class: "app-viewer__media-tools" }, button(words.back, () => this.skip(-STEP_SECONDS)), button(words.forward, () => this.skip(STEP_SECONDS)), label_);
    this.marks = element("div", { class: "app-viewer__timeline", hidden: true });
    this.node = element("div", { class: "app-viewer__media", "data-media": "" }, this.player, this.marks, this.tools, this.told);
    this.player.addEventListener("error", () => this.recover());
    this.player.addEventListener("loadedmetadata", () => {
      this.source.hasPass = true;
    });
    this.player.addEventListener("timeupdate", () => this.noteTime());
    this.tries = 0;
  }

  async start() {
    try {
      this.player.src = await this.source.address("recording");
    } catch (error) {
      this.tell(error);
    }
  }

  stop() {
    this.player.pause();
  }

  skip(seconds) {
    const end = Number.isFinite(this.player.duration) ? this.player.duration : Infinity;
    this.player.currentTime = Math.min(end, Math.max(0, this.player.currentTime + seconds));
  }

  seek(seconds) {
    this.player.currentTime = seconds;
  }

  noteTime() {
    const second = Math.floor(this.player.currentTime);
    if (second === this.second || second % 5 !== 0) return;
    this.second = second;
    this.changed({ seconds: second });
  }

  // The ticket may have ended before the player asked for the next range: a fresh one, and on from the same second.
  async recover() {
    if (this.tries++ > 0) return this.tell();
    const at = this.player.currentTime;
    const wasPlaying = !this.player.paused;
    try {
      await this.source.renew();
      this.player.src = await this.source.address("recording");
      this.player.currentTime = at;
      this.player.addEventListener("loadedmetadata", () => { this.tries = 0; }, { once: true });
      if (wasPlaying) await this.player.play();
    } catch (error) {
      this.tell(error);
    }
  }

  tell(error) {
    const again = button(this.words.again, () => {
      this.told.hidden = true;
      this.tries = 0;
      this.recover();
    });
    this.told.replaceChildren(error instanceof SignedOut ? this.words.signedOut : this.words.mediaFailed, " ", again);
    this.told.hidden = false;
  }
}
