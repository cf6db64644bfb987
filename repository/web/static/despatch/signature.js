// A signature drawn on glass, with a finger, a pen or a mouse. Who can draw nothing signs the paper log.

export class Signature {
  /** @type {Array<Array<[number, number]>>} */
  strokes = [];

  /** @param {HTMLCanvasElement} canvas @param {() => void} onChange */
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    canvas.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      this.strokes.push([this.place(event)]);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      const all = event.getCoalescedEvents?.() ?? [];
      for (const one of all.length > 0 ? all : [event]) this.strokes.at(-1)?.push(this.place(one));
      this.draw();
    });
    const end = (/** @type {PointerEvent} */ event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      canvas.releasePointerCapture(event.pointerId);
      this.draw();
      this.onChange();
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    this.draw();
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.canvas.width, ((event.clientY - box.top) / box.height) * this.canvas.height];
  }

  /** Whether something more than a touch was drawn. */
  get isDrawn() {
    return this.strokes.reduce((total, stroke) => total + stroke.length, 0) >= 5;
  }

  clear() {
    this.strokes = [];
    this.draw();
    this.onChange();
  }

  draw() {
    const drawing = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    drawing.fillStyle = "#ffffff";
    drawing.fillRect(0, 0, this.canvas.width, this.canvas.height);
    drawing.strokeStyle = "#0b0c0c";
    drawing.lineWidth = 4;
    drawing.lineCap = "round";
    drawing.lineJoin = "round";
    for (const stroke of this.strokes) {
      drawing.beginPath();
      stroke.forEach(([x, y], at) => (at === 0 ? drawing.moveTo(x, y) : drawing.lineTo(x, y)));
      drawing.stroke();
    }
  }

  /** @returns {Promise<Blob>} */
  picture() {
    return new Promise((resolve, reject) => {
      this.canvas.toBlob((made) => (made ? resolve(made) : reject(new Error("nothing was drawn"))), "image/png");
    });
  }
}
