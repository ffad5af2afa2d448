/** The book of peers once met: how a node finds back when every bootstrap is gone. */

import type { Clock } from "../clock.ts";
import { subnetOf } from "./addresses.ts";
import type { PeerHint } from "./transport.ts";

const DAY_MS = 86_400_000;
const MAX_ROWS = 1_000;
const MAX_ADDRESSES = 8;
const MAX_PER_SUBNET = 4;
const FORGET_MS = 90 * DAY_MS;
const HALF_LIFE_MS = 14 * DAY_MS;

export type PeerSource = "bootstrap" | "static" | "mdns" | "dht" | "introduction" | "inbound" | "manual";

interface KnownAddress {
  readonly address: string;
  /** When a dial to it last held; 0: never. */
  readonly lastSuccessMs: number;
}

export interface KnownPeerRow {
  readonly peerId: string;
  readonly addresses: readonly KnownAddress[];
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Time we were linked, in all. */
  readonly uptimeMs: number;
  readonly fails: number;
  readonly source: PeerSource;
}

/** Where the book survives a restart. */
export interface KnownPeerStore {
  load(): Promise<readonly KnownPeerRow[]>;
  save(rows: readonly KnownPeerRow[]): Promise<void>;
}

export interface KnownPeers {
  load(): Promise<void>;
  save(): Promise<void>;
  seen(hint: PeerHint, source: PeerSource): void;
  /** A dial to this address held. */
  reached(peerId: string, address: string): void;
  failed(peerId: string): void;
  /** When a dial to each address of this peer last held; those that never did are left out. */
  successes(peerId: string): ReadonlyMap<string, number>;
  /** The peer was linked for so long. */
  linkedFor(peerId: string, ms: number): void;
  /** The best `count` peers that are not left out, best first. */
  best(count: number, leaveOut: (peerId: string) => boolean): readonly PeerHint[];
  rows(): readonly KnownPeerRow[];
}

/** A book that forgets with its process. */
export function memoryPeerStore(): KnownPeerStore {
  let kept: readonly KnownPeerRow[] = [];
  return {
    load: () => Promise.resolve(kept),
    save(rows) {
      kept = rows;
      return Promise.resolve();
    },
  };
}

export function knownPeers(options: { readonly store: KnownPeerStore; readonly clock: Clock }): KnownPeers {
  return new Book(options.store, options.clock);
}

class Book implements KnownPeers {
  readonly #store: KnownPeerStore;
  readonly #clock: Clock;
  readonly #rows = new Map<string, KnownPeerRow>();

  constructor(store: KnownPeerStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async load(): Promise<void> {
    for (const row of await this.#store.load()) this.#rows.set(row.peerId, row);
  }

  async save(): Promise<void> {
    const rows = this.rows();
    this.#rows.clear();
    for (const row of rows) this.#rows.set(row.peerId, row);
    await this.#store.save(rows);
  }

  seen(hint: PeerHint, source: PeerSource): void {
    const nowMs = this.#clock.nowMs();
    const known = this.#rows.get(hint.peerId);
    // Twice the bound between two savings; strangers must not fill memory.
    if (known === undefined && this.#rows.size >= 2 * MAX_ROWS) return;
    const before = known ?? { firstSeenMs: nowMs, uptimeMs: 0, fails: 0, source, addresses: [] };
    this.#rows.set(hint.peerId, {
      ...before,
      peerId: hint.peerId,
      addresses: merged(before.addresses, hint.addresses),
      lastSeenMs: nowMs,
    });
  }

  reached(peerId: string, address: string): void {
    const nowMs = this.#clock.nowMs();
    this.#change(peerId, (row) => ({
      fails: 0,
      lastSeenMs: nowMs,
      addresses: [
        { address, lastSuccessMs: nowMs },
        ...row.addresses.filter((known) => known.address !== address),
      ].slice(0, MAX_ADDRESSES),
    }));
  }

  successes(peerId: string): ReadonlyMap<string, number> {
    const held = (this.#rows.get(peerId)?.addresses ?? []).filter(({ lastSuccessMs }) => lastSuccessMs > 0);
    return new Map(held.map(({ address, lastSuccessMs }) => [address, lastSuccessMs]));
  }

  failed(peerId: string): void {
    this.#change(peerId, (row) => ({ fails: row.fails + 1 }));
  }

  linkedFor(peerId: string, ms: number): void {
    const lastSeenMs = this.#clock.nowMs();
    this.#change(peerId, (row) => ({ uptimeMs: row.uptimeMs + ms, lastSeenMs }));
  }

  best(count: number, leaveOut: (peerId: string) => boolean): readonly PeerHint[] {
    return this.rows()
      .filter((row) => row.addresses.length > 0 && !leaveOut(row.peerId))
      .slice(0, count)
      .map((row) => ({ peerId: row.peerId, addresses: row.addresses.map(({ address }) => address) }));
  }

  /** What is worth keeping, best first. */
  rows(): readonly KnownPeerRow[] {
    const oldestMs = this.#clock.nowMs() - FORGET_MS;
    const perSubnet = new Map<string, number>();
    return [...this.#rows.values()]
      .filter((row) => row.lastSeenMs >= oldestMs)
      .sort((a, b) => this.#score(b) - this.#score(a))
      .filter((row) => {
        const subnet = subnetOf(row.addresses[0]?.address ?? "");
        if (subnet === undefined) return true;
        const count = (perSubnet.get(subnet) ?? 0) + 1;
        perSubnet.set(subnet, count);
        return count <= MAX_PER_SUBNET;
      })
      .slice(0, MAX_ROWS);
  }

  #score(row: KnownPeerRow): number {
    const ageMs = Math.max(0, this.#clock.nowMs() - row.lastSeenMs);
    // A peer never linked still ranks by how fresh it is.
    return (row.uptimeMs + 1) * 0.5 ** (ageMs / HALF_LIFE_MS);
  }

  #change(peerId: string, changes: (row: KnownPeerRow) => Partial<KnownPeerRow>): void {
    const row = this.#rows.get(peerId);
    if (row !== undefined) this.#rows.set(peerId, { ...row, ...changes(row) });
  }
}

function merged(known: readonly KnownAddress[], told: readonly string[]): readonly KnownAddress[] {
  const fresh = told
    .filter((address) => !known.some((other) => other.address === address))
    .map((address) => ({ address, lastSuccessMs: 0 }));
  // Those that once held stay before those only told of.
  const held = known.filter(({ lastSuccessMs }) => lastSuccessMs > 0);
  const hoped = known.filter(({ lastSuccessMs }) => lastSuccessMs === 0);
  return [...held, ...fresh, ...hoped].slice(0, MAX_ADDRESSES);
}
