/** Addresses of one peer kept within the window; more are an attempt to make us dial strangers. */
const MAX_ADDRESSES = 8;
const WINDOW_MS = 60_000;
/** Peers whose windows are remembered. */
const MAX_PEERS = 4_096;

/** Admits at most eight different addresses of a peer a minute: its real ones may change, a flood may not pass. */
export class LearntAddresses {
  readonly #monotonicMs: () => number;
  readonly #windows = new Map<string, { readonly sinceMs: number; readonly addresses: Set<string> }>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  admit(peerId: string, address: string): boolean {
    const nowMs = this.#monotonicMs();
    let window = this.#windows.get(peerId);
    if (window === undefined || nowMs - window.sinceMs >= WINDOW_MS) {
      window = { sinceMs: nowMs, addresses: new Set() };
      this.#windows.delete(peerId);
      this.#windows.set(peerId, window);
      const [oldest] = this.#windows.keys();
      if (this.#windows.size > MAX_PEERS && oldest !== undefined) this.#windows.delete(oldest);
    }
    // The same address comes bare and with the peer's name.
    const bare = address.replace(/\/p2p\/[^/]+$/u, "");
    if (window.addresses.has(bare)) return true;
    if (window.addresses.size >= MAX_ADDRESSES) return false;
    window.addresses.add(bare);
    return true;
  }
}
