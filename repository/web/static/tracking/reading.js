// What a hand-held scanner typed: a packet's label, a carrier's number, a command card, or nothing that can be used.
import { readLabel, trackingKind } from "../despatch/codes.js";

/** @typedef {import("../despatch/codes.js").Label} Label */
/** @typedef {{label: Label}|{number: string}|{command: string}|{problem: "unread"|"cover"|"number"}} Read */

const NUMBER = /^[A-Z0-9]{8,35}$/;

/**
 * What was typed as it stands in a code, as `scripts.stations.as_scanned`: a scanner that is set to an American keyboard
 * types something else instead of the upright line on a British one, and the check of each code says whether this is right.
 * @param {string} untrusted
 */
export const asScanned = (untrusted) => untrusted.slice(0, 200).toUpperCase().replace(/\s+/g, "").replace(/[~¦]/g, "|");

/**
 * @param {string} untrusted
 * @param {Map<string, string>} commands  by what their cards carry
 * @returns {Read}
 */
export function readScan(untrusted, commands) {
  const text = asScanned(untrusted);
  const command = commands.get(text);
  if (command !== undefined) return { command };
  const label = readLabel(text);
  if (label !== null) return { label };
  if (/^(CV1|PG1)\|/.test(text)) return { problem: "cover" };
  if (!NUMBER.test(text)) return { problem: "unread" };
  return trackingKind(text) === "wrong" ? { problem: "number" } : { number: text };
}
