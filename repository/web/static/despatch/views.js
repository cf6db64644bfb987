// What the despatch page shows: the light, the warnings, the packets, and the log of today. It is made anew from what is
// kept on the phone and what the service said last; nothing here decides anything.
import { button, element, fill } from "../dom.js";

/** @typedef {{label: string, component: string, title: string, held_on: string, session: string, number: number, of: number, candidates: string, expected: ?number, counted: ?number, state: string, label_kind: string}} PlannedPacket */
/** @typedef {import("./sync.js").Kept} Kept */
/** @typedef {Record<string, string>} Words */

/** @param {string|number} at */
export const timeOf = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
/** @param {string} at */
export const dayAndTime = (at) => new Date(at).toLocaleString("en-GB", { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" });
/** @param {string} on */
const dayOf = (on) => new Date(`${on}T12:00:00`).toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long" });

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`there is no ${id}`);
  return found;
}

/** What is said in one place, big and first: whether anything waits, and why. */
/** @param {Words} words @param {{waiting: number, link: string, since: ?string}} how */
export function showLight(words, { waiting, link, since }) {
  const light = byId("light");
  const main = waiting === 0 ? (since ? fill(words.all_sent, { time: timeOf(since) }) : words.starting) : waiting === 1 ? words.waiting_one : fill(words.waiting, { n: waiting });
  const quiet = link === "offline" && waiting === 0;
  const why = { offline: waiting === 0 ? words.offline_empty : words.offline, "signed-out": words.sign_in, trouble: words.trouble, sending: words.sending }[link];
  /** @type {Node[]} */
  const parts = quiet && since === null ? [] : [document.createTextNode(main)];
  if (why) parts.push(element("span", { text: why }));
  if (link === "signed-out") parts.push(element("span", {}, element("a", { class: "govuk-link", href: "/sign-in?next=%2Fdespatch", text: words.sign_in_link })));
  light.dataset.state = link === "signed-out" || link === "trouble" ? "wrong" : waiting > 0 || link === "offline" ? "waiting" : "done";
  light.replaceChildren(...parts);
}

/** @param {string[]} warnings */
export function showWarnings(warnings) {
  const shown = warnings.map((text) => element("div", { class: "govuk-inset-text", text }));
  byId("warnings").replaceChildren(...shown);
}

/** @param {Words} words @param {PlannedPacket} one */
export const nameOf = (words, one) => `${one.component}, ${fill(words.packet, { number: one.number, of: one.of }).toLowerCase()}`;

/**
 * How far a packet is by what the service said and by what was logged since on this phone.
 * @param {PlannedPacket} one @param {Kept[]} kept
 */
export function stateOf(one, kept) {
  const mine = kept.filter((each) => each.state !== "refused");
  const sealed = mine.filter((each) => each.entry.kind === "sealed" && each.entry.label === one.label).at(-1);
  const handed = mine.some((each) => each.entry.kind === "handed_over" && each.entry.packets.some((/** @type {any} */ p) => p.label === one.label));
  const order = ["label_issued", "packed", "logged", "collected"];
  const known = order.includes(one.state) ? order.indexOf(one.state) : order.length;
  const local = handed ? 2 : sealed ? 1 : 0;
  return { step: Math.max(known, local), isHanded: handed, count: sealed ? sealed.entry.script_count : one.counted, sealed };
}

/**
 * @param {Words} words @param {PlannedPacket[]} packets @param {Kept[]} kept @param {Set<string>} chosen
 * @param {(one: PlannedPacket) => void} onSeal
 */
export function showPackets(words, packets, kept, chosen, onSeal) {
  const place = byId("packets");
  if (packets.length === 0) {
    place.replaceChildren(element("p", { class: "govuk-body", text: words.no_packets }));
    return;
  }
  const days = grouped(packets);
  const shown = [...days].flatMap(([day, some]) => [
    element("h3", { class: "app-despatch__day", text: dayOf(day) }),
    element("ul", { class: "app-despatch__packets" }, ...some.map((one) => packetItem(words, one, kept, chosen, onSeal))),
  ]);
  place.replaceChildren(...shown);
}

/** @param {PlannedPacket[]} packets */
function grouped(packets) {
  /** @type {Map<string, PlannedPacket[]>} */
  const days = new Map();
  for (const one of packets) days.set(one.held_on, [...(days.get(one.held_on) ?? []), one]);
  return days;
}

/**
 * @param {Words} words @param {PlannedPacket} one @param {Kept[]} kept @param {Set<string>} chosen
 * @param {(one: PlannedPacket) => void} onSeal
 */
function packetItem(words, one, kept, chosen, onSeal) {
  const { step, count, isHanded } = stateOf(one, kept);
  const says = step === 0 ? words.to_seal : step === 1 ? fill(words.sealed, { n: count ?? "?" }) : step === 2 && !isHanded ? words.logged : isHanded ? words.kind_handed_over : words.collected;
  const colour = ["", "blue", isHanded ? "green" : "yellow", "green"][Math.min(step, 3)];
  const expected = one.expected === null ? words.expected_unknown : fill(words.expected, { n: one.expected });
  const item = element("li", { "data-label": one.label },
    element("p", {}, element("strong", { text: `${one.component} ${one.session}` }), ` ${one.title}`),
    element("p", { text: `${fill(words.packet, { number: one.number, of: one.of })}. ${fill(words.candidates, { candidates: one.candidates })}` }),
    element("p", { class: "app-despatch__small", text: expected }),
    element("p", {}, element("strong", { class: `govuk-tag ${colour ? `govuk-tag--${colour}` : ""}`, text: says })),
  );
  if (step === 0) {
    const seal = button(words.seal, () => onSeal(one), { heard: `${words.seal}: ${nameOf(words, one)}` });
    seal.className = "govuk-button govuk-button--secondary";
    item.append(seal);
  } else if (step === 1 || (step === 2 && !isHanded)) {
    const id = `hand-${one.label.replace(/[^A-Z0-9]+/g, "-")}`;
    const box = /** @type {HTMLInputElement} */ (element("input", { type: "checkbox", class: "govuk-checkboxes__input", id, checked: chosen.has(one.label), on: {
      change: (/** @type {Event} */ event) => (/** @type {HTMLInputElement} */ (event.target).checked ? chosen.add(one.label) : chosen.delete(one.label)),
    } }));
    const label = element("label", { class: "govuk-label govuk-checkboxes__label", for: id }, words.choose, element("span", { class: "govuk-visually-hidden", text: ` ${nameOf(words, one)}` }));
    item.append(element("div", { class: "govuk-checkboxes govuk-checkboxes--small" }, element("div", { class: "govuk-checkboxes__item" }, box, label)));
  }
  return item;
}

/**
 * The log of today: what waits here, then what the service has.
 * @param {Words} words
 * @param {{kept: Kept[], pictures: any[], log: any[], packets: PlannedPacket[]}} given
 * @param {{onCorrect: (entry: any) => void, onRemove: (id: string) => void}} acts
 */
export function showLog(words, { kept, pictures, log, packets }, { onCorrect, onRemove }) {
  const ids = new Set(kept.map((one) => one.id));
  const mine = [...kept].reverse().map((one) => lineItem(words, packets, {
    id: one.id, entry: one.entry, at: one.entry.occurred_at,
    state: { waiting: words.state_waiting, sent: words.state_sent, refused: words.state_refused }[one.state],
    colour: { waiting: "orange", sent: "blue", refused: "red" }[one.state],
    more: [...(one.why ? [one.why] : []), ...(one.notes ?? []), ...pictures.filter((each) => each.entry === one.id && each.refused).map((each) => fill(words.refused_picture, { why: each.refused }))],
    onCorrect, onRemove: one.state === "refused" || pictures.some((each) => each.entry === one.id && each.refused) ? onRemove : null,
  }));
  const theirs = log.filter((one) => !ids.has(one.id)).reverse().map((one) => lineItem(words, packets, {
    id: one.id, at: one.occurred_at,
    entry: { ...one, label: one.packets[0]?.label, script_count: one.packets[0]?.script_count },
    state: one.kind === "handed_over" && !one.signed ? words.state_unsigned : words.state_with,
    colour: one.kind === "handed_over" && !one.signed ? "yellow" : "green",
    more: one.corrected_by ? [words.corrected] : [], onCorrect: one.corrected_by ? null : onCorrect, onRemove: null,
  }));
  const all = [...mine, ...theirs];
  byId("log").replaceChildren(all.length === 0 ? element("p", { class: "govuk-body", text: "–" }) : element("ul", { class: "app-despatch__lines" }, ...all));
}

/**
 * @param {Words} words @param {PlannedPacket[]} packets
 * @param {{id: string, entry: any, at: string, state: string, colour: string, more: string[], onCorrect: ?((entry: any) => void), onRemove: ?((id: string) => void)}} one
 */
function lineItem(words, packets, { id, entry, at, state, colour, more, onCorrect, onRemove }) {
  const labels = entry.kind === "sealed" ? [entry.label] : (entry.packets ?? []).map((/** @type {any} */ each) => each.label);
  const names = labels.map((/** @type {string} */ label) => {
    const found = packets.find((each) => each.label === label);
    return found ? nameOf(words, found) : label;
  });
  const what = words[`kind_${entry.kind}`];
  const item = element("li", { "data-entry": id },
    element("p", {}, element("strong", { text: `${timeOf(at)} ${what}` })),
    ...names.map((/** @type {string} */ text) => element("p", { text })),
    element("p", {}, element("strong", { class: `govuk-tag govuk-tag--${colour}`, text: state })),
    ...more.map((text) => element("p", { class: "app-despatch__small", text })),
    ...(entry.corrects ? [element("p", { class: "app-despatch__small", text: words.corrects })] : []),
  );
  if (onCorrect && entry.kind !== "booked") {
    const correct = button(words.correct, () => onCorrect({ ...entry, id }), { heard: `${words.correct}: ${what}, ${names.join(", ")}` });
    correct.className = "govuk-button govuk-button--secondary";
    item.append(correct);
  }
  if (onRemove) {
    let isSure = false;
    const remove = button(words.remove, () => {
      if (isSure) onRemove(id);
      isSure = true;
      remove.textContent = words.remove_sure;
    });
    remove.className = "govuk-button govuk-button--warning";
    item.append(remove);
  }
  return item;
}

/** @param {Words} words @param {Array<[string, string]>} problems  the id of a field and what is wrong */
export function showProblems(words, problems) {
  const summary = byId("problem");
  summary.hidden = problems.length === 0;
  const list = /** @type {HTMLElement} */ (summary.querySelector("ul"));
  list.replaceChildren(...problems.map(([id, text]) => element("li", {}, element("a", { href: `#${id}`, text, on: {
    click: (/** @type {Event} */ event) => {
      event.preventDefault();
      document.getElementById(id)?.focus();
    },
  } }))));
  for (const marked of document.querySelectorAll("#despatch [aria-invalid]")) marked.removeAttribute("aria-invalid");
  for (const [id] of problems) document.getElementById(id)?.setAttribute("aria-invalid", "true");
  if (problems.length > 0) summary.focus();
}
