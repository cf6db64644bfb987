// The sounds of the station, made here: each outcome has its own rhythm, so that nobody needs to know a pitch.

/** @typedef {"accepted"|"repeated"|"attention"|"unread"|"waiting"} Sound */

/** Pitch in hertz, beginning and length in seconds, of each tone. @type {Map<string, [number, number, number][]>} */
const TONES = new Map([
  ["accepted", [[1320, 0, 0.1]]],
  ["repeated", [[880, 0, 0.08], [880, 0.14, 0.08]]],
  ["attention", [[784, 0, 0.16], [587, 0.18, 0.16], [392, 0.36, 0.3]]],
  ["unread", [[180, 0, 0.6]]],
  ["waiting", [[660, 0, 0.03]]],
]);
const LOUDNESS = 0.25;
const FADE_SECONDS = 0.01;

/** @type {?AudioContext} */
let audio = null;

/**
 * Makes a sound, once somebody has pressed a key here: before that no browser allows any.
 * @param {string} kind
 */
export function play(kind) {
  if (navigator.userActivation && !navigator.userActivation.hasBeenActive) return;
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume().catch(() => {});
  for (const [pitch, start, length] of TONES.get(kind) ?? []) tone(audio, pitch, audio.currentTime + start, length);
}

/** @param {AudioContext} on @param {number} pitch @param {number} at @param {number} length */
function tone(on, pitch, at, length) {
  const source = on.createOscillator();
  const gain = on.createGain();
  source.type = pitch < 300 ? "square" : "sine";
  source.frequency.value = pitch;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(LOUDNESS, at + FADE_SECONDS);
  gain.gain.setValueAtTime(LOUDNESS, at + Math.max(FADE_SECONDS, length - FADE_SECONDS));
  gain.gain.linearRampToValueAtTime(0, at + length);
  source.connect(gain).connect(on.destination);
  source.start(at);
  source.stop(at + length);
}
