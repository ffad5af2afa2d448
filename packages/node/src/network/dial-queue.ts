import type { PeerEntry } from "./peer-table.ts";
import type { Link, Transport } from "./transport.ts";

export const DIAL_MS = 5_000;
const MAX_DIALS = 8;

export interface DialQueueOptions {
  readonly transport: Transport;
  /** Is the dial still wanted now that its turn has come? */
  readonly wanted: (entry: PeerEntry) => boolean;
  readonly onLink: (entry: PeerEntry, link: Link) => void;
  readonly onFailure: (entry: PeerEntry, error: unknown) => void;
}

/** The dials under way, eight at once; whoever waits here is in the state "dialing". */
export class DialQueue implements Disposable {
  readonly #options: DialQueueOptions;
  readonly #waiting: PeerEntry[] = [];
  #running = 0;
  #over = false;
  #started = 0;
  #failed = 0;

  constructor(options: DialQueueOptions) {
    this.#options = options;
  }

  get counts(): { readonly started: number; readonly failed: number } {
    return { started: this.#started, failed: this.#failed };
  }

  add(entry: PeerEntry): void {
    entry.timer?.[Symbol.dispose]();
    entry.dueMs = undefined;
    entry.state = "dialing";
    this.#waiting.push(entry);
    this.#pump();
  }

  [Symbol.dispose](): void {
    this.#over = true;
  }

  #pump(): void {
    while (!this.#over && this.#running < MAX_DIALS) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      // Linked, parked or forgotten meanwhile.
      if (entry.state !== "dialing") continue;
      if (!this.#options.wanted(entry)) {
        entry.state = "known";
        continue;
      }
      this.#running += 1;
      this.#started += 1;
      void this.#dial(entry).finally(() => {
        this.#running -= 1;
        this.#pump();
      });
    }
  }

  async #dial(entry: PeerEntry): Promise<void> {
    const { transport, onLink, onFailure } = this.#options;
    const peerId = entry.anonymous ? undefined : entry.peerId;
    try {
      const link = await transport.dial({ peerId, addresses: entry.addresses }, { timeoutMs: DIAL_MS });
      if (!this.#over) onLink(entry, link);
    } catch (error) {
      this.#failed += 1;
      if (!this.#over) onFailure(entry, error);
    }
  }
}
