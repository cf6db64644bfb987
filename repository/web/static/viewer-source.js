// Where the bytes of one document come from. They stand on another host name: an address carries a ticket of a minute, and
// the first answer to one gives this browser a pass for the document. A page that is opened later goes by the pass; where
// that fails, a fresh ticket is asked for, once.

const TICKET_MS = 45_000;

export class SignedOut extends Error {}

export class Source {
  /** @param {{id: string, base: string, ticket: string}} given */
  constructor({ id, base, ticket }) {
    this.id = id;
    this.base = base;
    this.ticket = ticket;
    this.ticketUntil = performance.now() + TICKET_MS;
    this.hasPass = false;
    this.renewing = null;
  }

  /**
   * The address of a part such as `pages/3`, good for now.
   * @param {string} part
   */
  async address(part) {
    if (this.hasPass) return `${this.base}/${part}`;
    if (performance.now() > this.ticketUntil) await this.renew();
    return `${this.base}/${part}?ticket=${this.ticket}`;
  }

  /** Asks for a fresh ticket; who waits for one already, waits for the same. */
  renew() {
    this.renewing ??= this.ask().finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  async ask() {
    this.hasPass = false;
    const answer = await fetch(`/api/documents/${this.id}/addresses`, { headers: { Accept: "application/json" } });
    if (answer.status === 401) throw new SignedOut();
    if (!answer.ok) throw new Error(`addresses: ${answer.status}`);
    const { base, ticket } = await answer.json();
    this.base = base;
    this.ticket = ticket;
    this.ticketUntil = performance.now() + TICKET_MS;
  }

  /**
   * Loads a picture into an image element; tries once more with a fresh ticket. Rejects with the reason.
   * @param {HTMLImageElement} image
   * @param {string} part
   */
  async load(image, part) {
    try {
      await this.show(image, await this.address(part));
    } catch (error) {
      if (error instanceof SignedOut) throw error;
      await this.renew();
      await this.show(image, `${this.base}/${part}?ticket=${this.ticket}`);
    }
  }

  show(image, address) {
    return new Promise((resolve, reject) => {
      image.onload = () => {
        this.hasPass = true;
        resolve();
      };
      image.onerror = () => reject(new Error("not loaded"));
      image.src = address;
    });
  }

  /**
   * The words of a page with their boxes in thousandths of it, or none.
   * @param {number} number
   * @returns {Promise<Array<[number, number, number, number, string]>>}
   */
  async words(number) {
    const answer = await fetch(`/documents/${this.id}/text/${number}`, { headers: { Accept: "application/json" } });
    if (answer.status === 401) throw new SignedOut();
    if (!answer.ok) return [];
    return (await answer.json()).words ?? [];
  }
}
