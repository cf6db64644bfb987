// What the service's answer to a scan means to the person who holds the scanner.
import { fill } from "../dom.js";

/** @typedef {"accepted"|"repeated"|"attention"|"unread"|"undone"|"waiting"} Outcome */
/** @typedef {{id: string, number: number, of: number, centre: string, component: string}} Packet */
/**
 * @typedef {{id: string, seq: number, at: string, text: string, kind: string, label: string, number: string, site: string,
 *   place: string, count: ?number, second: string, camera: string, corrects: string, again: boolean, isWaiting: boolean,
 *   outcome: Outcome, word: string, note: string, packet: ?Packet, isRecorded: boolean, isUndone: boolean}} Scan
 */
/** @typedef {{outcome: Outcome, word: string, note: string, packet: ?Packet, isRecorded: boolean}} Verdict */
/** @typedef {{words: Record<string, string>, odd: Map<string, string>, done: Map<string, string>}} Said */

/** How far each step brings a packet; whoever scans one that is as far was not the first. */
const STATES = ["label_issued", "packed", "logged", "collected", "in_transit", "received", "opened", "reconciled", "closed"];
const SIBLINGS_SHOWN = 8;

/** @param {Said} said @param {Packet} packet */
export const nameOf = ({ words }, packet) => `${fill(packet.of > 0 ? words.packet : words.packet_alone, packet)}, ${fill(words.about, packet)}`;

/**
 * Says what became of a scan; several answers come where a carrier's number stands for several packets.
 * @param {Said} said
 * @param {Scan} scan
 * @param {any[]} answers
 * @returns {Verdict}
 */
export function judge(said, scan, answers) {
  const verdicts = answers.map((one) => judgeOne(said, scan, one));
  const worst = verdicts.find((one) => one.outcome === "attention") ?? verdicts.find((one) => one.outcome === "unread") ?? verdicts[0];
  const isRecorded = verdicts.some((one) => one.isRecorded);
  if (verdicts.length === 1) return worst;
  return { ...worst, note: `${fill(said.words.packets, { n: verdicts.length })}. ${worst.note}`, isRecorded };
}

/** @param {Said} said @param {Scan} scan @param {any} answer @returns {Verdict} */
function judgeOne(said, scan, answer) {
  const { words } = said;
  const packet = answer.packet_id ? { id: answer.packet_id, number: answer.number, of: answer.of, centre: answer.centre, component: answer.component } : null;
  const name = packet ? `${nameOf(said, packet)}.` : "";
  if (answer.outcome === "unknown_label") return { outcome: "unread", word: words.unknown, note: answer.reason, packet, isRecorded: false };
  if (answer.outcome === "refused" || answer.outcome === "conflict") {
    return { outcome: "attention", word: words.not_recorded, note: `${name} ${answer.reason}`.trim(), packet, isRecorded: false };
  }
  const isOurs = answer.outcome === "recorded" || answer.same_as === scan.id; // sent twice because its answer was lost
  if (scan.kind === "withdrawn") return { outcome: "undone", word: words.undone, note: name, packet, isRecorded: isOurs };
  const odd = (answer.side_states ?? []).filter((/** @type {string} */ one) => said.odd.has(one)).map((/** @type {string} */ one) => said.odd.get(one));
  if (scan.kind === "opened" && answer.logged_count !== null && answer.logged_count !== answer.opened_count) {
    odd.push(fill(words.differs, { logged: answer.logged_count, opened: answer.opened_count }));
  }
  const notes = [name, ...odd];
  if (answer.side_states?.includes("received_without_despatch")) notes.push(words.early);
  if (answer.waiting?.length > 0) notes.push(fill(words.siblings, { numbers: numbersOf(answer.waiting) }));
  if (odd.length > 0) return { outcome: "attention", word: words.attention, note: notes.join(" "), packet, isRecorded: isOurs };
  if (!isOurs || scan.again || (answer.outcome === "recorded" && wasThere(scan.kind, answer.before))) {
    return { outcome: "repeated", word: words.repeated, note: `${name} ${words.repeated_text}`, packet, isRecorded: isOurs };
  }
  return { outcome: "accepted", word: said.done.get(scan.kind) ?? words.accepted, note: notes.join(" "), packet, isRecorded: true };
}

/** @param {string} kind @param {string} before */
const wasThere = (kind, before) => STATES.includes(kind) && STATES.indexOf(before) >= STATES.indexOf(kind);

/** @param {number[]} numbers */
function numbersOf(numbers) {
  const shown = numbers.slice(0, SIBLINGS_SHOWN).join(", ");
  return numbers.length > SIBLINGS_SHOWN ? `${shown}, …` : shown;
}
