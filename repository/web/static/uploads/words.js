// Sizes and times as people say them. Pure.

/**
 * Return a size in words.
 * @param {number} bytes
 * @returns {string}
 */
export function sizeInWords(bytes) {
  if (bytes < 1e3) return `${bytes} bytes`;
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/**
 * Return what is left of a time in words that do not jump about: "about 2 minutes".
 * @param {number} seconds
 * @returns {string}
 */
export function leftInWords(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 50) return `about ${Math.ceil(seconds / 10) * 10} seconds`;
  if (seconds < 90) return "about a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 50) return `about ${minutes > 20 ? Math.round(minutes / 5) * 5 : minutes} minutes`;
  const hours = Math.round(seconds / 1800) / 2;
  return hours <= 1 ? "about an hour" : `about ${hours} hours`;
}

/**
 * Return a count with its word.
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 * @returns {string}
 */
export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/London", hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/London", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" });

/**
 * Return a time in the UK: "16:58", or "14 May at 16:58" on another day than the one that is compared with.
 * @param {Date} at
 * @param {Date} [from]
 * @returns {string}
 */
export function timeInWords(at, from = new Date()) {
  return at.toDateString() === from.toDateString() ? CLOCK.format(at) : DAY.format(at);
}
