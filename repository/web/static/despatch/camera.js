// Reads a label by the camera or from a photograph: by the browser's own reader where it has one, else by ours, which is
// served from our own host and loaded only when it is wanted.
import { readLabel } from "./codes.js";

const READER = "/static/build/zxing/reader/zxing_reader.wasm";
const FORMATS = ["code_128", "qr_code"];
const LOOK_MS = 150;

/** @typedef {(source: HTMLVideoElement|Blob) => Promise<string[]>} Reader */

/** @type {?Promise<Reader>} */
let chosen = null;

/** @returns {Promise<Reader>} */
function reader() {
  chosen ??= native().then((found) => found ?? ours());
  return chosen;
}

/** @returns {Promise<?Reader>} */
async function native() {
  const Detector = /** @type {any} */ (globalThis).BarcodeDetector;
  if (!Detector) return null;
  const formats = await Detector.getSupportedFormats().catch(() => []);
  if (!FORMATS.every((one) => formats.includes(one))) return null;
  const detector = new Detector({ formats: FORMATS });
  return async (source) => {
    const picture = source instanceof Blob ? await createImageBitmap(source) : source;
    return (await detector.detect(picture)).map((/** @type {{rawValue: string}} */ one) => one.rawValue);
  };
}

/** @returns {Promise<Reader>} */
async function ours() {
  const { prepareZXingModule, readBarcodes } = await import("/static/build/zxing/reader/index.js");
  await prepareZXingModule({ overrides: { locateFile: () => READER }, fireImmediately: true });
  return async (source) => {
    const found = await readBarcodes(source instanceof Blob ? source : grab(source), { formats: ["Code128", "QRCode"], tryHarder: true });
    return found.map((one) => one.text);
  };
}

/** @param {HTMLVideoElement} video */
function grab(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  drawing.drawImage(video, 0, 0);
  return drawing.getImageData(0, 0, canvas.width, canvas.height);
}

/**
 * Reads the label on a photograph; null when there is none on it that can be read.
 * @param {Blob} photograph
 * @returns {Promise<?import("./codes.js").Label>}
 */
export async function readPhotograph(photograph) {
  const read = await reader();
  for (const text of await read(photograph)) {
    const label = readLabel(text);
    if (label) return label;
  }
  return null;
}

/** Loads our reader ahead, while there is a line, so that it is there when there is none. */
export async function prepare() {
  await reader();
}

export class Camera {
  /** @type {?MediaStream} */
  stream = null;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.video = video;
  }

  /**
   * Looks through the camera until a label is seen; rejects when there is no camera, or nobody may use it.
   * @param {(label: import("./codes.js").Label) => void} onLabel
   */
  async look(onLabel) {
    this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } }, audio: false });
    this.video.srcObject = this.stream;
    await this.video.play();
    const read = await reader();
    while (this.stream !== null) {
      if (this.video.videoWidth > 0) {
        for (const text of await read(this.video)) {
          const label = readLabel(text);
          if (label && this.stream !== null) {
            this.stop();
            navigator.vibrate?.(80);
            onLabel(label);
            return;
          }
        }
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }
}

/**
 * Makes a photograph small enough to keep and to send: at most so wide, as JPEG, and without where and how it was taken.
 * @param {Blob} photograph
 * @param {number} width
 * @returns {Promise<Blob>}
 */
export async function smaller(photograph, width = 1600) {
  const picture = await createImageBitmap(photograph);
  const scale = Math.min(1, width / Math.max(picture.width, picture.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)));
  const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  drawing.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.82 });
}
