// What is wrong with a file, found before a byte of it leaves: by its name, its size, and its first and last bytes.
//
// "stop": certain, and the server would refuse it too. "doubt": a person looks first. The server decides about everything else.
import { endingOf } from "./names.js";
import { sizeInWords } from "./words.js";

/**
 * @typedef {object} Finding
 * @property {"stop" | "doubt"} level
 * @property {string} words what is wrong, and why that matters
 * @property {string} remedy what to do
 */
/**
 * @typedef {object} Limits what a place takes
 * @property {readonly string[]} endings with their dots; empty: any
 * @property {number} maximumBytes 0: no limit known
 */
/**
 * @typedef {object} Ends the bytes that are looked at
 * @property {Uint8Array} head
 * @property {Uint8Array} tail
 * @property {Uint8Array} trailer where a PDF says that its own table of contents stands
 * @property {number} size
 * @property {"whole" | "cut" | null} film whether the boxes of an MP4 are all there; null if it is none
 */

const HEAD_BYTES = 4096;
const TAIL_BYTES = 64 * 1024;
const TRAILER_BYTES = 4096;
const BOXES_LIMIT = 200;
const NAME_LIMIT_BYTES = 255;

/** What a file is by its first bytes: in words, and the endings that agree with it. */
/** @satisfies {Record<string, [string, string[]]>} */
const KINDS = {
  pdf: ["a PDF", [".pdf"]],
  jpeg: ["a JPEG picture", [".jpg", ".jpeg"]],
  png: ["a PNG picture", [".png"]],
  gif: ["a GIF picture", [".gif"]],
  webp: ["a WebP picture", [".webp"]],
  tiff: ["a TIFF picture", [".tif", ".tiff"]],
  heic: ["a HEIC picture", [".heic", ".heif"]],
  wav: ["a WAV recording", [".wav"]],
  mp3: ["an MP3 recording", [".mp3"]],
  ogg: ["an Ogg recording", [".ogg", ".oga", ".opus"]],
  bmp: ["a bitmap picture", [".bmp"]],
  aiff: ["an AIFF recording", [".aiff", ".aif"]],
  flac: ["a FLAC recording", [".flac"]],
  amr: ["an AMR recording", [".amr"]],
  mp4: ["an MP4 film or recording", [".mp4", ".m4v", ".m4a", ".mov", ".qt", ".3gp", ".3g2"]],
  avi: ["an AVI film", [".avi"]],
  asf: ["a Windows Media file", [".wmv", ".wma", ".asf"]],
  webm: ["a WebM or Matroska film", [".webm", ".mkv"]],
  zip: [
    "a ZIP archive or an Office document",
    [".zip", ".docx", ".xlsx", ".pptx", ".docm", ".xlsm", ".pptm", ".odt", ".ods", ".odp", ".pages", ".numbers", ".key", ".epub"],
  ],
  ole: ["an old Office document", [".doc", ".xls", ".ppt"]],
  rtf: ["a rich text document", [".rtf"]],
  program: ["a program", [".exe", ".dll"]],
  shortcut: ["a shortcut", [".lnk"]],
  page: ["a web page", [".html", ".htm"]],
};
/** Endings whose files begin with bytes that are known. MP3, MPEG and text begin with anything. */
const SIGNED = new Set([
  ".pdf", ".jpg", ".jpeg", ".png", ".gif", ".wav", ".mp4", ".m4v", ".m4a", ".webm", ".mkv", ".ogg", ".oga", ".opus", ".flac", ".docx", ".xlsx", ".pptx",
  ".odt", ".ods", ".odp",
]);

/** What to do with files that no place takes. */
const ADVICE = new Map([
  [".pages", "It is a Pages document, which most computers cannot open. In Pages choose File, Export To, PDF, and choose the PDF here."],
  [".numbers", "It is a Numbers document, which most computers cannot open. In Numbers choose File, Export To, PDF."],
  [".key", "It is a Keynote document, which most computers cannot open. In Keynote choose File, Export To, PDF."],
  [".gdoc", "It is only a link to Google Docs and holds no work. Open it there, choose File, Download, PDF, and choose that file."],
  [".gsheet", "It is only a link to Google Sheets and holds no work. Open it there, choose File, Download, PDF."],
  [".gslides", "It is only a link to Google Slides and holds no work. Open it there, choose File, Download, PDF."],
  [".lnk", "It is a shortcut: it says only where the work is. Choose the work itself."],
  [".url", "It is a link: it says only where the work is. Choose the work itself."],
  [".webloc", "It is a link: it says only where the work is. Choose the work itself."],
  [".heic", "It is a picture as iPhones keep it. Open it and export it as JPEG."],
  [".heif", "It is a picture as telephones keep it. Open it and export it as JPEG."],
  [".zip", "Unpack it, and choose the files or the folder that come out of it."],
  [".rar", "Unpack it, and choose the files or the folder that come out of it."],
  [".7z", "Unpack it, and choose the files or the folder that come out of it."],
  [".tmp", "It is a part of a file that another program is still writing. Choose the finished file."],
  [".crdownload", "The download has not finished. Choose the finished file."],
  [".part", "The download has not finished. Choose the finished file."],
]);

/**
 * Say whether a file is one that computers keep beside people's files, and that nobody means to send.
 * @param {string} path
 * @returns {boolean}
 */
export function isHidden(path) {
  const parts = path.split("/");
  const name = parts[parts.length - 1].toLowerCase();
  if (parts.some((part) => part === "__MACOSX" || (part.startsWith(".") && part !== "." && part !== ".."))) return true;
  return ["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"].includes(name) || name.startsWith("~$") || /^~.*\.tmp$/u.test(name);
}

/**
 * Find what is wrong with a file by its name and its size.
 * @param {string} name
 * @param {number} size
 * @param {Limits} limits
 * @returns {Finding | null}
 */
export function byName(name, size, limits) {
  const ending = endingOf(name);
  if (new TextEncoder().encode(name.normalize("NFC")).length > NAME_LIMIT_BYTES) {
    return stop(`The file’s name is longer than ${NAME_LIMIT_BYTES} bytes.`, "Give it a shorter name, and choose it again.");
  }
  const taken = limits.endings.length === 0 || limits.endings.includes(ending);
  const advice = ADVICE.get(ending);
  if (!taken && advice) return stop(`A ${ending} file is not accepted here.`, advice);
  if (size === 0) return stop("This file is empty.", "Open it, save it again, and choose it again.");
  if (limits.maximumBytes > 0 && size > limits.maximumBytes) {
    const words = `This file is ${sizeInWords(size)}; the largest allowed is ${sizeInWords(limits.maximumBytes)}.`;
    return stop(words, "Save a smaller copy, for example with smaller pictures.");
  }
  if (!taken) {
    const kind = ending ? `A ${ending} file` : "A file without an ending";
    return stop(`${kind} is not accepted here.`, `Save it as one of: ${limits.endings.join(", ")}.`);
  }
  return null;
}

/**
 * Find what is wrong with a file by its first and last bytes.
 * @param {string} name
 * @param {Ends} ends
 * @returns {Finding | null}
 */
export function byContent(name, ends) {
  const ending = endingOf(name);
  const kind = kindOf(ends.head);
  if (kind === null) {
    if (!SIGNED.has(ending)) return null;
    return doubt(`This does not look like a ${ending.slice(1)} file inside.`, "Open it. If it opens, send it; if not, save it again from the program it was made with.");
  }
  const [words, endings] = KINDS[kind];
  if (ending && !endings.includes(ending)) {
    return stop(`The name ends in ${ending}, but inside it is ${words}.`, "Open it with the program it was made with, and save it in the right format.");
  }
  if (isCut(kind, ends)) {
    return doubt("The end of this file is missing, as if a download or a copy had been broken off.", "Open it and look at the last page or the end. If something is missing, copy it again.");
  }
  if (kind === "pdf" && isLocked(ends)) {
    return doubt("This PDF is protected by a password or against changes.", "A moderator cannot type a password. Save a copy without protection, and choose that.");
  }
  return null;
}

/**
 * Read the bytes of a file that are looked at.
 * @param {Blob} file
 * @returns {Promise<Ends>}
 */
export async function readEnds(file) {
  const head = await bytes(file, 0, HEAD_BYTES);
  const tail = await bytes(file, Math.max(0, file.size - TAIL_BYTES), file.size);
  const kind = kindOf(head);
  const at = kind === "pdf" ? tableAt(tail) : null;
  const trailer = at === null ? new Uint8Array() : await bytes(file, at, at + TRAILER_BYTES);
  const film = kind === "mp4" || kind === "heic" ? await boxes(file) : null;
  return { head, tail, trailer, size: file.size, film };
}

/**
 * Say what a file is by its first bytes; null if they are not known.
 * @param {Uint8Array} head
 * @returns {keyof typeof KINDS | null}
 */
export function kindOf(head) {
  const text = latin(head.subarray(0, 1024));
  const first = head[0];
  if (text.startsWith("\xff\xd8\xff")) return "jpeg";
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (/^GIF8[79]a/u.test(text)) return "gif";
  if (text.startsWith("II*\0") || text.startsWith("MM\0*")) return "tiff";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WAVE") return "wav";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "webp";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "AVI ") return "avi";
  if (text.startsWith("BM") && text.slice(6, 10) === "\0\0\0\0") return "bmp";
  if (text.startsWith("FORM") && /^AIF[FC]/u.test(text.slice(8, 12))) return "aiff";
  if (text.startsWith("fLaC")) return "flac";
  if (text.startsWith("#!AMR")) return "amr";
  if (text.startsWith("0&\xb2u\x8ef\xcf\x11")) return "asf";
  if (text.startsWith("OggS")) return "ogg";
  if (text.startsWith("\x1aE\xdf\xa3")) return "webm";
  if (text.slice(4, 8) === "ftyp") return /^(?:hei[cmsx]|hev[cmsx]|mif1|msf1)/u.test(text.slice(8, 12)) ? "heic" : "mp4";
  if (text.startsWith("PK\x03\x04") || text.startsWith("PK\x05\x06")) return "zip";
  if (text.startsWith("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) return "ole";
  if (text.startsWith("{\\rtf")) return "rtf";
  if (text.startsWith("MZ") || text.startsWith("\x7fELF")) return "program";
  if (text.startsWith("L\0\0\0\x01\x14\x02\0")) return "shortcut";
  if (text.startsWith("ID3") || (first === 0xff && (head[1] & 0xe6) === 0xe2)) return "mp3";
  if (/^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)/iu.test(text)) return "page";
  return text.includes("%PDF-") ? "pdf" : null; // readers look for it in the first 1,024 bytes
}

/**
 * @param {keyof typeof KINDS} kind
 * @param {Ends} ends
 */
function isCut(kind, { head, tail, size, film }) {
  const text = latin(tail);
  if (kind === "pdf") return !text.includes("%%EOF");
  if (kind === "jpeg") return !text.includes("\xff\xd9");
  if (kind === "png") return !text.includes("IEND");
  if (kind === "mp4") return film === "cut";
  if (kind === "zip") return !text.includes("PK\x05\x06");
  if (kind === "wav" && head.length >= 8) {
    const declared = new DataView(head.buffer, head.byteOffset).getUint32(4, true);
    return declared < 0xffffffff && declared + 8 > size;
  }
  return false;
}

/** @param {Ends} ends */
function isLocked({ head, tail, trailer }) {
  return [head, tail, trailer].some((part) => /\/Encrypt[\s<0-9]/u.test(latin(part)));
}

/**
 * Return where a PDF says that its table of contents begins.
 * @param {Uint8Array} tail
 * @returns {number | null}
 */
function tableAt(tail) {
  const found = [...latin(tail).matchAll(/startxref\s+([0-9]{1,12})/gu)].pop();
  return found ? Number(found[1]) : null;
}

/**
 * Walk the boxes of an MP4: one that goes beyond the end, or no "moov", which says where everything is, means that it is cut.
 * @param {Blob} file
 * @returns {Promise<"whole" | "cut">}
 */
async function boxes(file) {
  let at = 0;
  let told = false;
  for (let count = 0; count < BOXES_LIMIT && at + 8 <= file.size; count += 1) {
    const head = await bytes(file, at, at + 16);
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const name = latin(head.subarray(4, 8));
    let size = view.getUint32(0);
    if (size === 1 && head.length === 16) size = Number(view.getBigUint64(8));
    else if (size === 0) size = file.size - at;
    if (size < 8) return told ? "whole" : "cut";
    told ||= name === "moov" || name === "meta";
    at += size;
  }
  return told && at <= file.size ? "whole" : "cut";
}

/**
 * @param {Blob} file
 * @param {number} from
 * @param {number} to
 */
async function bytes(file, from, to) {
  return new Uint8Array(await file.slice(from, to).arrayBuffer());
}

/** @param {Uint8Array} part one letter for each byte */
function latin(part) {
  let text = "";
  for (let at = 0; at < part.length; at += 8192) text += String.fromCharCode(...part.subarray(at, at + 8192));
  return text;
}

/**
 * @param {string} words
 * @param {string} remedy
 * @returns {Finding}
 */
function stop(words, remedy) {
  return { level: "stop", words, remedy };
}

/**
 * @param {string} words
 * @param {string} remedy
 * @returns {Finding}
 */
function doubt(words, remedy) {
  return { level: "doubt", words, remedy };
}
