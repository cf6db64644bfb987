// Whose work a file is, and which place of theirs it belongs to: the rule, from names alone. Pure, and the only one there is.
//
// It runs in the browser, so no name of a file leaves it before somebody has said that the file is to be sent.
import { endingOf, hasOtherDigits, numeralsOf, stemOf, wordsOf } from "./names.js";

/**
 * @typedef {object} Slot a named place for one kind of file
 * @property {string} key
 * @property {string} title
 * @property {string} hint
 * @property {readonly string[]} endings of file names that it takes, with their dots; empty: any
 */
/**
 * @typedef {object} Candidate somebody whose work is asked for
 * @property {string} item
 * @property {string} number four digits
 * @property {string} surname
 * @property {string} forenames
 * @property {readonly Slot[]} slots
 */
/**
 * @typedef {object} Sample who and what files may be about
 * @property {readonly Candidate[]} candidates
 * @property {{item: string, slots: readonly Slot[]} | null} group the places of files about the whole group
 */
/** @typedef {"certain" | "likely" | "check" | "nobody"} Confidence */
/**
 * @typedef {object} Proposal
 * @property {Confidence} confidence
 * @property {string | null} item whose it is; null unless certain or likely
 * @property {string | null} slot
 * @property {readonly string[]} maybe items that a person may want to choose first
 * @property {string} why in words
 */

/** @type {Readonly<Record<Confidence, string>>} */
export const CONFIDENCE_WORDS = { certain: "Certain", likely: "Likely", check: "Please check", nobody: "Nobody found" };
const SAYS_LITTLE = new Set(
  "the and for with from file work each candidate example optional your this that other all any about document centre".split(" "),
);

/**
 * Propose whose each file is.
 * @param {readonly string[]} paths names of files, with the folders they were in, parted by "/"
 * @param {Sample} sample
 * @returns {Proposal[]} in the order of the paths
 */
export function allocate(paths, sample) {
  return paths.map((path) => proposal(path.normalize("NFC"), sample));
}

/**
 * Return which places get more than one file: the key of the place, and the positions of its files.
 * @param {readonly ({item: string, slot: string} | null)[]} places where each file goes
 * @returns {Map<string, number[]>}
 */
export function shared(places) {
  /** @type {Map<string, number[]>} */
  const found = new Map();
  places.forEach((place, position) => {
    if (place) found.set(keyOf(place), [...(found.get(keyOf(place)) ?? []), position]);
  });
  return new Map([...found].filter(([, positions]) => positions.length > 1));
}

/**
 * Return the one word for a place.
 * @param {{item: string, slot: string}} place
 * @returns {string}
 */
export function keyOf(place) {
  return `${place.item}|${place.slot}`;
}

/**
 * @param {string} path
 * @param {Sample} sample
 * @returns {Proposal}
 */
function proposal(path, sample) {
  const folders = path.split("/").filter(Boolean);
  const file = folders.pop() ?? "";
  const stem = stemOf(file);
  const own = evidenceOf(stem, sample);
  // The nearest folder that says anything counts; those above it hold the work of several people.
  const around = folders.reverse().map((folder) => evidenceOf(folder, sample)).find(saysSomething) ?? NOTHING;
  const found = new Set([...own.numbers, ...own.named, ...around.numbers, ...around.named]);
  const stranger = own.stranger ?? around.stranger;
  if (found.size > 1) {
    const several = [...found];
    return check(several, `The name speaks of ${listed(several.map((one) => one.number))}. Whose is it?`);
  }
  const [candidate] = found;
  if (!candidate) return withoutNumberOrName(stem, folders[0] ?? "", file, own, around, sample);
  const numbered = own.numbers.has(candidate) || around.numbers.has(candidate);
  const named = own.named.has(candidate) || around.named.has(candidate);
  if (stranger && !stranger.year) {
    return check([candidate], `It carries the number ${stranger.digits}, who is not asked for here, and speaks of ${candidate.number} too.`);
  }
  /** @type {Confidence} */
  const confidence = numbered ? "certain" : "likely";
  const source = (/** @type {boolean} */ inFile) => (inFile ? "its name" : "its folder");
  const why = numbered
    ? `${candidate.number} stands in ${source(own.numbers.has(candidate))}${named ? ", and so does the candidate’s name" : ""}.`
    : `The name of ${candidate.number}, ${nameOf(candidate)}, stands in ${source(own.named.has(candidate))}.`;
  return inSlot(candidate, confidence, why, `${stem} ${folders[0] ?? ""}`, endingOf(file));
}

/**
 * @typedef {object} Evidence what one name says
 * @property {Set<Candidate>} numbers whose number stands in it
 * @property {Set<Candidate>} counted whose number stands in it, where a camera may have counted it
 * @property {Set<Candidate>} named who is named by two words at least
 * @property {Set<Candidate>} half who is named by one word only
 * @property {import("./names.js").Numeral | null} stranger a number in front that is nobody's of the sample
 */
/** @type {Evidence} */
const NOTHING = { numbers: new Set(), counted: new Set(), named: new Set(), half: new Set(), stranger: null };

/** @param {Evidence} one */
function saysSomething(one) {
  return one.numbers.size > 0 || one.named.size > 0 || (one.stranger !== null && !one.stranger.year);
}

/**
 * @param {string} text
 * @param {Sample} sample
 * @returns {Evidence}
 */
function evidenceOf(text, sample) {
  /** @type {Evidence} */
  const found = { numbers: new Set(), counted: new Set(), named: new Set(), half: new Set(), stranger: null };
  for (const numeral of numeralsOf(text)) {
    const candidate = sample.candidates.find((one) => one.number === numeral.digits);
    if (candidate) (numeral.counted ? found.counted : found.numbers).add(candidate);
    else if (numeral.leads && !numeral.counted) found.stranger ??= numeral;
  }
  const words = wordsOf(text);
  const scores = sample.candidates.map((one) => agreeing(words, one));
  const most = Math.max(0, ...scores);
  sample.candidates.forEach((one, position) => {
    if (scores[position] >= 2 && scores[position] === most) found.named.add(one);
    else if (scores[position] === 1) found.half.add(one);
  });
  return found;
}

/**
 * Count the words that agree with a candidate's name; two or more only if surname and forename agree by words of their own.
 * @param {readonly string[]} words
 * @param {Candidate} candidate
 * @returns {number}
 */
function agreeing(words, candidate) {
  const left = [...words];
  const surname = take(left, wordsOf(candidate.surname));
  const forenames = take(left, wordsOf(candidate.forenames));
  if (surname > 0 && forenames > 0) return surname + forenames;
  return surname + forenames > 0 ? 1 : 0;
}

/**
 * Take the words of a name out of those that are left, each once; names of several words may also be written as one.
 * @param {string[]} left
 * @param {readonly string[]} parts
 * @returns {number} how many agreed
 */
function take(left, parts) {
  const joined = left.indexOf(parts.join(""));
  if (parts.length > 1 && joined >= 0) {
    left.splice(joined, 1);
    return parts.length;
  }
  for (let at = 0; at + 1 < left.length && parts.length === 1; at += 1) {
    if (left[at] + left[at + 1] === parts[0]) {
      left.splice(at, 2);
      return 1;
    }
  }
  let count = 0;
  for (const part of parts) {
    const at = part.length > 1 ? left.indexOf(part) : -1; // an initial names nobody
    if (at < 0) continue;
    left.splice(at, 1);
    count += 1;
  }
  return count;
}

/**
 * @param {string} stem
 * @param {string} folder
 * @param {string} file
 * @param {Evidence} own
 * @param {Evidence} around
 * @param {Sample} sample
 * @returns {Proposal}
 */
function withoutNumberOrName(stem, folder, file, own, around, sample) {
  const stranger = own.stranger ?? around.stranger;
  const half = [...own.half, ...around.half];
  if (stranger && !stranger.year) return nobody(half, `${stranger.digits} is not a candidate whose work is asked for here.`);
  const counted = [...own.counted];
  if (counted.length > 0) {
    return check(counted, `${listed(counted.map((one) => one.number))} may be what a camera or a scanner counted.`);
  }
  if (hasOtherDigits(stem)) return nobody(half, "Its digits are not written as 0 to 9, so they are not read as a number.");
  const group = sample.group;
  if (group && half.length === 0) {
    const scored = group.slots.filter((slot) => takes(slot, endingOf(file))).map((slot) => ({ slot, score: scoreOf(slot, `${stem} ${folder}`) }));
    const best = scored.sort((one, other) => other.score - one.score)[0];
    if (best && best.score >= 2) {
      return { confidence: "likely", item: group.item, slot: best.slot.key, maybe: [], why: `Its name speaks of “${best.slot.title}”.` };
    }
  }
  if (half.length > 0) return nobody(half, `Only one word agrees with a name: ${listed(half.map((one) => `${one.number}, ${nameOf(one)}`))}.`);
  return nobody([], "No candidate’s number and no candidate’s name of this sample stands in its name.");
}

/**
 * @param {Candidate} candidate
 * @param {Confidence} confidence
 * @param {string} why
 * @param {string} text
 * @param {string} ending
 * @returns {Proposal}
 */
function inSlot(candidate, confidence, why, text, ending) {
  const fitting = candidate.slots.filter((slot) => takes(slot, ending));
  const among = fitting.length > 0 ? fitting : candidate.slots;
  const scored = among.map((slot) => ({ slot, score: scoreOf(slot, text) })).sort((one, other) => other.score - one.score);
  const [best, second] = scored;
  if (!best) return check([candidate], `${why} Nothing more is asked for of this candidate.`);
  if (!second) return { confidence, item: candidate.item, slot: best.slot.key, maybe: [], why };
  if (best.score > second.score) {
    return { confidence, item: candidate.item, slot: best.slot.key, maybe: [], why: `${why} It speaks of “${best.slot.title}”.` };
  }
  const titles = scored.filter(({ score }) => score === best.score).map(({ slot }) => `“${slot.title}”`);
  return check([candidate], `${why} Is it ${listed(titles, "or")}?`);
}

/**
 * @param {Slot} slot
 * @param {string} ending
 */
function takes(slot, ending) {
  return slot.endings.length === 0 || slot.endings.includes(ending);
}

/**
 * Count the words of a name that speak of a slot; the words of its title and key count twice.
 * @param {Slot} slot
 * @param {string} text
 * @returns {number}
 */
function scoreOf(slot, text) {
  const words = new Set(wordsOf(text).map(singular));
  const count = (/** @type {string} */ said) => new Set(telling(said).filter((word) => words.has(word))).size;
  return 2 * count(`${slot.title} ${slot.key}`) + count(slot.hint);
}

/** @param {string} said */
function telling(said) {
  return wordsOf(said).map(singular).filter((word) => word.length > 2 && !SAYS_LITTLE.has(word));
}

/** @param {string} word */
function singular(word) {
  return word.length > 3 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

/**
 * @param {readonly Candidate[]} maybe
 * @param {string} why
 * @returns {Proposal}
 */
function check(maybe, why) {
  return { confidence: "check", item: null, slot: null, maybe: maybe.map((one) => one.item), why };
}

/**
 * @param {readonly Candidate[]} maybe
 * @param {string} why
 * @returns {Proposal}
 */
function nobody(maybe, why) {
  return { confidence: "nobody", item: null, slot: null, maybe: maybe.map((one) => one.item), why };
}

/** @param {Candidate} candidate */
function nameOf(candidate) {
  return `${candidate.surname}, ${candidate.forenames}`;
}

/**
 * @param {readonly string[]} words
 * @param {string} [last]
 */
function listed(words, last = "and") {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} ${last} ${words[words.length - 1]}`;
}
