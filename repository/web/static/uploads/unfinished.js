// What was begun and not finished, by anybody of the centre, on any computer: the server's list, held against chosen files.

/**
 * @typedef {object} Begun
 * @property {string} id
 * @property {string} item
 * @property {string} slot
 * @property {number} size
 * @property {string} sha256
 * @property {number} offset
 * @property {string} begunAt
 */

export class Unfinished {
  /** @param {Element | null} place the list that the page came with */
  constructor(place) {
    this.place = /** @type {HTMLElement | null} */ (place);
    /** @type {Begun[]} */
    this.begun = [...(place?.querySelectorAll("[data-upload]") ?? [])].map((line) => {
      const { upload, item, slot, size, sha256, offset, begunAt } = /** @type {HTMLElement} */ (line).dataset;
      return {
        id: upload ?? "", item: item ?? "", slot: slot ?? "", size: Number(size), sha256: sha256 ?? "", offset: Number(offset), begunAt: begunAt ?? "",
      };
    });
  }

  /**
   * Take over what the server says now.
   * @param {any[]} listed
   * @param {string} caseId
   */
  renew(listed, caseId) {
    this.begun = listed.map((one) => ({
      id: one.id, item: one.item_id ?? caseId, slot: one.slot, size: one.size_bytes, sha256: one.sha256 ?? "", offset: one.offset_bytes,
      begunAt: one.begun_at,
    }));
  }

  /**
   * Return what was begun of this very content for a place; for any place where none is given.
   * @param {{item: string, slot: string} | null} place
   * @param {number} size
   * @param {string} sha256
   * @returns {Begun | null}
   */
  find(place, size, sha256) {
    const same = this.begun.filter((one) => one.size === size && one.sha256 === sha256 && sha256 !== "");
    return same.find((one) => !place || (one.item === place.item && one.slot === place.slot)) ?? null;
  }

  /**
   * Take one off the list, as it is finished.
   * @param {string | null} documentLocation
   */
  done(documentLocation) {
    const id = documentLocation?.split("/").pop();
    this.begun = this.begun.filter((one) => one.id !== id);
    this.place?.querySelector(`[data-upload="${CSS.escape(id ?? "")}"]`)?.remove();
    if (this.place && !this.place.querySelector("[data-upload]")) this.place.hidden = true;
  }
}
