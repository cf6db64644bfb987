// The two forms of the despatch page: sealing one packet, and handing over some. Each gives an entry and its pictures, or
// says what is missing; the service looks at all of it again when it comes.
import { element, fill } from "../dom.js";
import { smaller } from "./camera.js";
import { trackingKind } from "./codes.js";
import { byId, nameOf } from "./views.js";

/** @typedef {import("./views.js").PlannedPacket} PlannedPacket */
/** @typedef {import("./views.js").Words} Words */
/** @typedef {{id: string, kind: string, line: ?number, type: string, blob: Blob}} NewPicture */
/** @typedef {{entry?: any, pictures: NewPicture[], problems: Array<[string, string]>}} Made */

/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ (byId(id));
/** @param {string} id */
const value = (id) => input(id).value.trim();
/** @param {string} name */
const picked = (name) => /** @type {?HTMLInputElement} */ (document.querySelector(`input[name="${name}"]:checked`))?.value ?? "";
/** @param {string} id */
const number = (id) => (/^[0-9]{1,3}$/.test(value(id)) ? Number(value(id)) : null);

/** @param {Blob} blob @param {string} kind @param {?number} line @returns {Promise<NewPicture>} */
async function pictureOf(blob, kind, line = null) {
  const made = await smaller(blob);
  return { id: crypto.randomUUID(), kind, line, type: made.type, blob: made };
}

/** @param {HTMLInputElement} field @param {string} kind @param {?number} line @returns {Promise<NewPicture[]>} */
async function picturesOf(field, kind, line = null) {
  return Promise.all([...(field.files ?? [])].slice(0, 1).map((file) => pictureOf(file, kind, line)));
}

/** What every entry begins with. @param {string} kind @param {?string} corrects */
const beginning = (kind, corrects) => ({ id: crypto.randomUUID(), kind, occurred_at: new Date().toISOString(), corrects });

export class SealForm {
  /** @param {Words} words */
  constructor(words) {
    this.words = words;
  }

  /**
   * @param {PlannedPacket} packet
   * @param {{names?: {sealed_by: string, witnessed_by: string, storage_location: string}, correcting?: any}} more
   */
  open(packet, { names, correcting }) {
    this.packet = packet;
    this.corrects = correcting?.id ?? null;
    this.isSure = false;
    byId("seal-heading").textContent = fill(this.words.count_of, { number: packet.number, of: packet.of, component: packet.component });
    byId("seal-about").textContent = `${fill(this.words.candidates, { candidates: packet.candidates })}. ${packet.expected === null ? this.words.expected_unknown : fill(this.words.expected, { n: packet.expected })}.`;
    const before = correcting ?? {};
    input("script_count").value = before.script_count ?? "";
    input("extra_booklets").value = before.extra_booklets ?? "0";
    input("register_enclosed").checked = before.register_enclosed ?? true;
    for (const name of /** @type {const} */ (["sealed_by", "witnessed_by", "storage_location"])) {
      input(name).value = before[name] ?? names?.[name] ?? "";
    }
    input("seal_remarks").value = before.remarks ?? "";
    input("seal_picture").value = "";
  }

  /** @returns {Promise<Made>} */
  async read() {
    const { words } = this;
    const packet = /** @type {PlannedPacket} */ (this.packet);
    /** @type {Array<[string, string]>} */
    const problems = [];
    const count = number("script_count");
    if (count === null) problems.push(["script_count", words.count_missing]);
    if (!value("sealed_by")) problems.push(["sealed_by", words.name_missing]);
    if (!value("witnessed_by")) problems.push(["witnessed_by", words.witness_missing]);
    else if (value("witnessed_by").toLowerCase() === value("sealed_by").toLowerCase()) problems.push(["witnessed_by", words.witness_same]);
    if (!value("storage_location")) problems.push(["storage_location", words.place_missing]);
    if (count !== null && packet.expected !== null && count !== packet.expected && !value("seal_remarks")) {
      problems.push(["seal_remarks", fill(words.differs, { expected: packet.expected, n: count })]);
    }
    if (problems.length > 0) return { problems, pictures: [] };
    const entry = {
      ...beginning("sealed", this.corrects ?? null),
      label: packet.label,
      script_count: count,
      extra_booklets: number("extra_booklets") ?? 0,
      register_enclosed: input("register_enclosed").checked,
      sealed_by: value("sealed_by"),
      witnessed_by: value("witnessed_by"),
      storage_location: value("storage_location"),
      remarks: value("seal_remarks"),
    };
    return { entry, problems, pictures: await picturesOf(input("seal_picture"), "photograph") };
  }
}

export class HandForm {
  /** @param {Words} words @param {import("./signature.js").Signature} signature */
  constructor(words, signature) {
    this.words = words;
    this.signature = signature;
    for (const name of ["collection", "signed_as"]) {
      for (const radio of document.querySelectorAll(`input[name="${name}"]`)) radio.addEventListener("change", () => this.arrange());
    }
    byId("signature-clear").addEventListener("click", () => signature.clear());
  }

  /**
   * @param {Array<PlannedPacket & {count: ?number}>} packets
   * @param {{collection: string, booking: string, carrier: string, helpdesk: string, correcting?: any}} more
   */
  open(packets, { collection, booking, carrier, helpdesk, correcting }) {
    this.packets = packets;
    this.corrects = correcting?.id ?? null;
    this.helpdesk = helpdesk;
    const { words } = this;
    byId("hand-packets").replaceChildren(...packets.map((one) => element("li", { text: `${nameOf(words, one)}${one.count === null ? "" : `: ${one.count}`}` })));
    for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll('input[name="collection"], input[name="signed_as"]'))) {
      radio.checked = radio.name === "collection" && radio.value === collection;
    }
    input("booking_reference").value = booking;
    input("carrier").value = carrier;
    for (const id of ["driver_name", "hand_remarks", "paper_picture"]) input(id).value = "";
    byId("numbers").replaceChildren(...packets.flatMap((one, at) => this.fieldsOf(one, at)));
    this.signature.clear();
    this.arrange();
  }

  /** @param {PlannedPacket} one @param {number} at */
  fieldsOf(one, at) {
    const { words } = this;
    const packet = nameOf(words, one);
    const said = element("div", { class: "govuk-hint", id: `tracking-${at}-hint` });
    const typed = element("input", { class: "govuk-input", id: `tracking-${at}`, autocomplete: "off", "aria-describedby": said.id, on: {
      input: (/** @type {Event} */ event) => {
        const kind = trackingKind(/** @type {HTMLInputElement} */ (event.target).value);
        said.textContent = { s10: words.tracking_good, parcelforce: words.tracking_pattern, unchecked: words.tracking_unchecked, wrong: "", "": "" }[kind];
      },
    } });
    const group = (/** @type {string} */ id, /** @type {string} */ text, /** @type {Node[]} */ ...rest) =>
      element("div", { class: "govuk-form-group" }, element("label", { class: "govuk-label", for: id, text }), ...rest);
    return [
      group(`tracking-${at}`, fill(words.tracking, { packet }), said, typed),
      element("div", { "data-post": true },
        group(`proof-${at}`, fill(words.proof, { packet }), element("input", { class: "govuk-input", id: `proof-${at}`, autocomplete: "off" })),
        group(`proof-picture-${at}`, fill(words.proof_picture, { packet }), element("input", { class: "govuk-file-upload", type: "file", accept: "image/*", id: `proof-picture-${at}` })),
      ),
    ];
  }

  /** Shows what the chosen way of leaving asks for, and nothing else. */
  arrange() {
    const byPost = picked("collection") === "post";
    byId("booking-place").hidden = picked("collection") !== "ad_hoc";
    byId("driver-place").hidden = byPost;
    for (const one of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-post]"))) one.hidden = !byPost;
    byId("glass-place").hidden = picked("signed_as") !== "glass";
    byId("paper-place").hidden = picked("signed_as") !== "paper";
    byId("unsigned-place").hidden = picked("signed_as") !== "none";
  }

  /** @returns {Promise<Made>} */
  async read() {
    const { words } = this;
    const packets = this.packets ?? [];
    /** @type {Array<[string, string]>} */
    const problems = [];
    const collection = picked("collection");
    const signed = collection === "post" ? "" : picked("signed_as");
    if (!collection) problems.push(["collection", words.collection_missing]);
    if (collection === "ad_hoc" && !value("booking_reference")) problems.push(["booking_reference", words.booking_missing]);
    packets.forEach((one, at) => {
      const packet = nameOf(words, one);
      if (trackingKind(value(`tracking-${at}`)) === "wrong") problems.push([`tracking-${at}`, fill(words.tracking_wrong, { packet })]);
      if (collection === "post" && !value(`proof-${at}`)) problems.push([`proof-${at}`, fill(words.proof_missing, { packet })]);
    });
    if (collection && collection !== "post") {
      if (!signed) problems.push(["signed_as", words.signed_missing]);
      if ((signed === "glass" || signed === "paper") && !value("driver_name")) problems.push(["driver_name", words.driver_missing]);
      if (signed === "glass" && !this.signature.isDrawn) problems.push(["signature", words.signature_missing]);
    }
    if (problems.length > 0) return { problems, pictures: [] };
    const proof = collection === "post" ? "proof" : signed === "none" ? "" : signed;
    const entry = {
      ...beginning("handed_over", this.corrects ?? null),
      collection,
      signed_as: proof,
      booking_reference: collection === "ad_hoc" ? value("booking_reference") : "",
      carrier: value("carrier"),
      driver_name: collection === "post" ? "" : value("driver_name"),
      helpdesk_number: this.helpdesk ?? "",
      remarks: value("hand_remarks"),
      packets: packets.map((one, at) => ({
        label: one.label,
        script_count: one.count,
        label_kind: one.label_kind,
        tracking_number: value(`tracking-${at}`),
        proof_of_posting: collection === "post" ? value(`proof-${at}`) : "",
      })),
    };
    const pictures = [];
    if (proof === "glass") {
      const blob = await this.signature.picture();
      pictures.push({ id: crypto.randomUUID(), kind: "signature", line: null, type: "image/png", blob });
    }
    if (proof === "paper") pictures.push(...(await picturesOf(input("paper_picture"), "paper_log")));
    if (collection === "post") {
      for (const at of packets.keys()) pictures.push(...(await picturesOf(input(`proof-picture-${at}`), "proof_of_posting", at)));
    }
    return { entry, problems, pictures };
  }
}
