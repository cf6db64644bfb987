// What the name of a file or a folder says: words, and numbers that may be a candidate's. Pure.

// Letters that have no accent to take off, and what people write instead of them.
const INSTEAD = new Map([
  ["ß", "ss"], ["æ", "ae"], ["œ", "oe"], ["ø", "o"], ["đ", "d"], ["ð", "d"], ["þ", "th"], ["ł", "l"], ["ı", "i"], ["ŋ", "ng"],
]);
// What cameras and scanners write before a number that they count by themselves.
const COUNTERS =
  /(?:^|[^\p{L}])(?:img|image|dsc|dscn|dscf|dcim|pict?|photo|foto|p|mvi|vid|video|mov|gopr|gh|scan|scn|doc|document|file|page|pxl|wp|screenshot|rec|audio|version|ver|v)[\s._()-]*$/iu;
// What people write before a candidate's number.
const CALLED = /(?:^|[^\p{L}])(?:candidates?|cand|can|c|nos?|nr|number|num)[\s._#:-]*$/iu;
const DATES = /(?<![0-9])(?:(?:19|20)[0-9]{2}([-_. ])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-_. ])[0-9]{1,2}\2(?:19|20)[0-9]{2})(?![0-9])/gu;

/**
 * A run of exactly four of the digits 0 to 9.
 * @typedef {object} Numeral
 * @property {string} digits
 * @property {boolean} leads whether the name starts with it
 * @property {boolean} counted whether a camera or a scanner may have counted it
 * @property {boolean} year whether it may be a year
 */

/**
 * Return a text without accents, in lower case and composed, so that two ways to write a name agree.
 * @param {string} text
 * @returns {string}
 */
export function fold(text) {
  const bare = text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().normalize("NFC");
  return [...bare].map((letter) => INSTEAD.get(letter) ?? letter).join("");
}

/**
 * Return the words of a text, folded, without digits: "SmithJohn_O’Brien" is smith, john, obrien.
 * @param {string} text
 * @returns {string[]}
 */
export function wordsOf(text) {
  const apart = text
    .normalize("NFC")
    .replace(/['’‘`ʼ]/gu, "")
    .replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2");
  return fold(apart).match(/\p{L}+/gu) ?? [];
}

/**
 * Return the runs of exactly four ASCII digits of a name, dates left out. Other digits are never read as numbers, and a run
 * that is part of a longer one, as a centre's number of five digits, is none.
 * @param {string} text
 * @returns {Numeral[]}
 */
export function numeralsOf(text) {
  const name = text.normalize("NFC").replace(DATES, (date) => " ".repeat(date.length));
  return [...name.matchAll(/(?<!\p{N})[0-9]{4}(?!\p{N})/gu)].map((match) => {
    const before = name.slice(0, match.index);
    const glued = /\p{L}$/u.test(before) && !CALLED.test(before);
    return {
      digits: match[0],
      leads: before.trim() === "" || /^[\s([{#_-]*$/u.test(before) || CALLED.test(before),
      counted: glued || (COUNTERS.test(before) && !CALLED.test(before)),
      year: /^(?:19|20)/u.test(match[0]),
    };
  });
}

/**
 * Say whether a name holds digits that are not 0 to 9, as full-width or Arabic-Indic ones.
 * @param {string} text
 * @returns {boolean}
 */
export function hasOtherDigits(text) {
  return /(?![0-9])\p{Nd}/u.test(text.normalize("NFC"));
}

/**
 * Return the ending of a file's name in lower case, with its dot; empty if it has none.
 * @param {string} name
 * @returns {string}
 */
export function endingOf(name) {
  const at = name.lastIndexOf(".");
  return at > 0 && at < name.length - 1 ? name.slice(at).toLowerCase() : "";
}

/**
 * Return a file's name without its ending.
 * @param {string} name
 * @returns {string}
 */
export function stemOf(name) {
  return name.slice(0, name.length - endingOf(name).length);
}
