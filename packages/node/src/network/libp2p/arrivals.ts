import type { Multiaddr } from "@multiformats/multiaddr";
import { ipOf, subnetOf } from "./address-rules.ts";

/** Counts of inbound connections, pending and open, kept so that each arrival is judged in constant time. */
export class Arrivals {
  /** Pending connections by remote address; relayed ones may share one. */
  readonly #pending = new Map<string, Set<Disposable>>();
  readonly #pendingByIp = new Map<string, number>();
  readonly #openByIp = new Map<string, number>();
  readonly #openBySubnet = new Map<string, number>();
  readonly #monotonicMs: () => number;
  #pendingCount = 0;
  #openCount = 0;
  #second = -1;
  #rate = new Map<string, number>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  get pending(): number {
    return this.#pendingCount;
  }

  get open(): number {
    return this.#openCount;
  }

  pendingOf(ip: string): number {
    return this.#pendingByIp.get(ip) ?? 0;
  }

  openOf(ip: string): number {
    return this.#openByIp.get(ip) ?? 0;
  }

  openInSubnetOf(ip: string): number {
    return this.#openBySubnet.get(subnetOf(ip)) ?? 0;
  }

  /** Counts one more arrival from `ip` and tells how many there were within the running second. */
  nextInSecond(ip: string): number {
    const second = Math.floor(this.#monotonicMs() / 1_000);
    if (second !== this.#second) [this.#second, this.#rate] = [second, new Map()];
    return change(this.#rate, ip, 1);
  }

  /** A connection is pending until it opens, or until this is disposed. */
  began(address: Multiaddr): Disposable {
    const key = keyOf(address);
    const ip = ipOf(address);
    const same = this.#pending.get(key) ?? new Set();
    this.#pending.set(key, same);
    this.#pendingCount += 1;
    if (ip !== undefined) change(this.#pendingByIp, ip, 1);
    const place: Disposable = {
      [Symbol.dispose]: () => {
        if (!same.delete(place)) return;
        if (same.size === 0) this.#pending.delete(key);
        this.#pendingCount -= 1;
        if (ip !== undefined) change(this.#pendingByIp, ip, -1);
      },
    };
    same.add(place);
    return place;
  }

  opened(address: Multiaddr): void {
    const [place] = this.#pending.get(keyOf(address)) ?? [];
    place?.[Symbol.dispose]();
    this.#openCount += 1;
    this.#changeOpen(address, 1);
  }

  closed(address: Multiaddr): void {
    this.#openCount -= 1;
    this.#changeOpen(address, -1);
  }

  #changeOpen(address: Multiaddr, by: 1 | -1): void {
    const ip = ipOf(address);
    if (ip === undefined) return;
    change(this.#openByIp, ip, by);
    change(this.#openBySubnet, subnetOf(ip), by);
  }
}

function change(counts: Map<string, number>, key: string, by: 1 | -1): number {
  const count = (counts.get(key) ?? 0) + by;
  if (count <= 0) counts.delete(key);
  else counts.set(key, count);
  return count;
}

/** A connection's address gains its PeerId when it opens; it is the same connection. */
function keyOf(address: Multiaddr): string {
  return address.toString().replace(/(?:\/p2p\/[^/]+)+$/u, "");
}
