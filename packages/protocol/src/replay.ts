/** Nonces of proven messages: looked up before a signature is checked, stored only after it held. */

import { ProtocolError } from "./errors.ts";
import { limits } from "./limits.ts";

export interface NonceRow {
  readonly senderId: string;
  readonly nonce: string;
  /** Unix seconds; kept up to and including this second. */
  readonly keepUntilS: number;
}

/** Bounds of a table; default those of the protocol. */
export interface NonceLimits {
  readonly perSender: number;
  readonly total: number;
  readonly keptS: number;
}

/** Never forgets a nonce early: a full table refuses the message instead. */
export class NonceTable {
  readonly #limits: NonceLimits;
  readonly #bySender = new Map<string, Map<string, number>>();
  /** In order of arrival, hence of expiry; read from `#head` on. */
  #rows: NonceRow[] = [];
  #head = 0;

  constructor(bounds: Partial<NonceLimits> = {}) {
    this.#limits = {
      perSender: bounds.perSender ?? limits.noncesPerSender,
      total: bounds.total ?? limits.noncesTotal,
      keptS: bounds.keptS ?? limits.nonceKeptS,
    };
  }

  get size(): number {
    return this.#rows.length - this.#head;
  }

  has(senderId: string, nonce: string): boolean {
    return this.#bySender.get(senderId)?.has(nonce) ?? false;
  }

  /** The row to keep over a restart. @throws MESSAGE_REPLAYED, OVERLOADED (the sender's share or the table is full). */
  add(senderId: string, nonce: string, nowS: number): NonceRow {
    this.#forget(nowS);
    if (this.has(senderId, nonce)) throw new ProtocolError("MESSAGE_REPLAYED", `nonce of ${senderId}`);
    const held = this.#bySender.get(senderId)?.size ?? 0;
    if (held >= this.#limits.perSender || this.size >= this.#limits.total) {
      throw new ProtocolError("OVERLOADED", "the table of nonces is full");
    }
    const row = { senderId, nonce, keepUntilS: nowS + this.#limits.keptS };
    this.#insert(row);
    return row;
  }

  /** Rows kept from before a restart, oldest first. */
  restore(rows: readonly NonceRow[]): void {
    for (const row of rows) if (!this.has(row.senderId, row.nonce)) this.#insert(row);
  }

  #insert(row: NonceRow): void {
    const nonces = this.#bySender.get(row.senderId) ?? new Map<string, number>();
    this.#bySender.set(row.senderId, nonces);
    nonces.set(row.nonce, row.keepUntilS);
    this.#rows.push(row);
  }

  #forget(nowS: number): void {
    for (let row = this.#rows[this.#head]; row && row.keepUntilS < nowS; row = this.#rows[this.#head]) {
      this.#head += 1;
      const nonces = this.#bySender.get(row.senderId);
      nonces?.delete(row.nonce);
      if (nonces?.size === 0) this.#bySender.delete(row.senderId);
    }
    // Compacts when half is past, so that each row moves about once.
    if (this.#head > 1_024 && this.#head * 2 > this.#rows.length) {
      this.#rows = this.#rows.slice(this.#head);
      this.#head = 0;
    }
  }
}
