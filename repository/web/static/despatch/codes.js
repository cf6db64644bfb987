// What a packet's label and a carrier's number say, checked on the phone: nobody is there to ask when there is no signal.

const LABEL = /^SL1\|([0-9]{5})\|([1-9ABC][A-Z][0-9]{2})\|([A-Z0-9][A-Z0-9/-]{0,11})\|([1-9][0-9]{0,2})\/(0|[1-9][0-9]{0,2})\|([1-9][0-9]?)\|([0-9A-F]{4})$/;
const S10_WEIGHTS = [8, 6, 4, 2, 3, 5, 9, 7];

/** @typedef {{payload: string, centre: string, series: string, component: string, number: number, of: number, issue: number}} Label */

/**
 * CRC-16/CCITT-FALSE, as `scripts.labels.crc16`.
 * @param {string} text  ASCII
 */
export function crc16(text) {
  let crc = 0xffff;
  for (const character of text) {
    crc ^= character.charCodeAt(0) << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}

/**
 * Reads a packet's label; null for anything else, and for one whose check does not agree with its contents.
 * @param {string} untrusted  as scanned or typed
 * @returns {?Label}
 */
export function readLabel(untrusted) {
  const payload = untrusted.slice(0, 200).trim().toUpperCase().replace(/\s+/g, "");
  const found = LABEL.exec(payload);
  if (found === null) return null;
  const [, centre, series, component, number, of, issue, check] = found;
  if (crc16(payload.slice(0, payload.lastIndexOf("|"))) !== parseInt(check, 16)) return null;
  return { payload, centre, series, component, number: Number(number), of: Number(of), issue: Number(issue) };
}

/**
 * Finds the label that somebody typed: all of it, or the four characters at its end where only one packet has them.
 * @template {{label: string}} P
 * @param {string} typed
 * @param {P[]} packets
 * @returns {P|Label|null}
 */
export function findTyped(typed, packets) {
  const text = typed.trim().toUpperCase().replace(/\s+/g, "");
  const whole = readLabel(text);
  if (whole !== null) return packets.find((one) => one.label === whole.payload) ?? whole;
  if (!/^[0-9A-F]{4}$/.test(text)) return null;
  const found = packets.filter((one) => one.label.endsWith(`|${text}`));
  return found.length === 1 ? found[0] : null;
}

/**
 * Says what can be known of a tracking number: `s10`, `parcelforce`, `unchecked`, or `wrong` where its check digit is.
 * @param {string} typed
 * @returns {"s10"|"parcelforce"|"unchecked"|"wrong"|""}
 */
export function trackingKind(typed) {
  const text = typed.replace(/[\s-]+/g, "").toUpperCase();
  if (text === "") return "";
  if (text.length > 35 || !/^[A-Z0-9/.]+$/.test(text)) return "wrong";
  if (/^[A-Z]{2}[0-9]{9}[A-Z]{2}$/.test(text)) {
    const sum = S10_WEIGHTS.reduce((total, weight, at) => total + weight * Number(text[2 + at]), 0);
    const digit = 11 - (sum % 11);
    return Number(text[10]) === (digit === 10 ? 0 : digit === 11 ? 5 : digit) ? "s10" : "wrong";
  }
  return /^PB[A-Z0-9]{9}([A-Z0-9]{3})?$/.test(text) ? "parcelforce" : "unchecked";
}
