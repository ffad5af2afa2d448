import { inDialOrder, peerIdIn } from "./addresses.ts";
import type { KnownPeers, PeerSource } from "./known-peers.ts";
import type { PeerClass } from "./redial.ts";
import type { PeerHint } from "./transport.ts";

const MAX_ADDRESSES = 8;
const MAX_CANDIDATES = 1_000;

type PeerState = "known" | "waiting" | "dialing" | "linked" | "parked";

/** One peer, or one configured address whose peer is not known yet. */
export interface PeerEntry {
  peerId: string | undefined;
  /** An anchor configured without PeerId: whoever answers at its address is welcome. */
  readonly anonymous: boolean;
  addresses: readonly string[];
  /** Those of them that the operator named: no hearsay takes their place. */
  named: readonly string[];
  state: PeerState;
  isAnchor: boolean;
  /** Open work that needs this peer, by reason. */
  readonly partners: Set<symbol>;
  fails: number;
  timer: Disposable | undefined;
  dueMs: number | undefined;
  parkedUntilMs: number;
  linkedSinceMs: number | undefined;
  /** Up to when the link's time is in the book, monotonic ms. */
  countedMs: number | undefined;
  /** Dials that failed at each address since one held. */
  readonly misses: Map<string, number>;
  attempts: readonly { readonly address: string; readonly reason: string }[];
  readonly source: PeerSource;
}

export function classOf(entry: PeerEntry): PeerClass {
  if (entry.isAnchor) return "anchor";
  return entry.partners.size > 0 ? "partner" : "neighbour";
}

/** Everybody the supervisor knows of. */
export class PeerTable {
  readonly entries = new Set<PeerEntry>();
  readonly #byId = new Map<string, PeerEntry>();
  readonly #book: KnownPeers;

  constructor(book: KnownPeers) {
    this.#book = book;
  }

  get(peerId: string): PeerEntry | undefined {
    return this.#byId.get(peerId);
  }

  /** Notes a peer; its newest addresses come first. Undefined when the table is full. */
  note(hint: PeerHint, source: PeerSource): PeerEntry | undefined {
    const known = this.#byId.get(hint.peerId);
    if (known !== undefined) {
      this.addAddresses(known, hint.addresses);
      this.#book.seen(hint, source);
      return known;
    }
    if (this.entries.size >= MAX_CANDIDATES && !this.#forgetOne()) return undefined;
    this.#book.seen(hint, source);
    const entry = newEntry({ ...hint, source, anonymous: false });
    this.entries.add(entry);
    this.#byId.set(hint.peerId, entry);
    return entry;
  }

  anchor(address: string, source: PeerSource): PeerEntry {
    const peerId = peerIdIn(address);
    const known = peerId === undefined ? undefined : this.#byId.get(peerId);
    const entry =
      known ?? newEntry({ peerId, addresses: [address], source, anonymous: peerId === undefined });
    entry.isAnchor = true;
    entry.named = [...new Set([...entry.named, address])];
    this.addAddresses(entry, [address]);
    this.entries.add(entry);
    if (peerId !== undefined) {
      this.#byId.set(peerId, entry);
      this.#book.seen({ peerId, addresses: [address] }, source);
    }
    return entry;
  }

  /** The anonymous anchor turned out to be this peer. */
  identify(entry: PeerEntry, peerId: string): void {
    const other = this.#byId.get(peerId);
    if (other === entry) return;
    if (other !== undefined) {
      for (const reason of other.partners) entry.partners.add(reason);
      entry.named = [...new Set([...entry.named, ...other.named])];
      this.addAddresses(entry, other.addresses);
      this.remove(other);
    }
    entry.peerId = peerId;
    this.#byId.set(peerId, entry);
  }

  /** An anonymous anchor may be another peer when it returns. */
  anonymise(entry: PeerEntry): void {
    if (!entry.anonymous || entry.peerId === undefined) return;
    this.#byId.delete(entry.peerId);
    entry.peerId = undefined;
    const isNamed = (address: string) => entry.named.includes(address);
    entry.addresses = entry.addresses.filter((one) => peerIdIn(one) === undefined || isNamed(one));
  }

  /** Newest first; those that were named or once held are never pushed out by hearsay. */
  addAddresses(entry: PeerEntry, addresses: readonly string[]): void {
    const held = entry.peerId === undefined ? new Map<string, number>() : this.#book.successes(entry.peerId);
    const all = [...new Set([...addresses, ...entry.addresses])];
    const isNamed = (address: string) => entry.named.includes(address);
    const named = all.filter(isNamed);
    const kept = all.filter((address) => held.has(address) && !isNamed(address));
    const hoped = all.filter((address) => !held.has(address) && !isNamed(address));
    const most = Math.max(MAX_ADDRESSES, named.length);
    entry.addresses = [...named, ...kept, ...hoped].slice(0, most);
    for (const address of entry.misses.keys()) {
      if (!entry.addresses.includes(address)) entry.misses.delete(address);
    }
  }

  /** Its addresses as they should be tried. */
  inOrder(entry: PeerEntry): readonly string[] {
    const held = entry.peerId === undefined ? new Map<string, number>() : this.#book.successes(entry.peerId);
    return inDialOrder(entry.addresses, {
      lastSuccessMs: (address) => held.get(address) ?? 0,
      misses: (address) => entry.misses.get(address) ?? 0,
    });
  }

  /** Somebody to dial who is no part of the table until the dial holds. */
  visitor(address: string): PeerEntry {
    const peerId = peerIdIn(address);
    return newEntry({ peerId, addresses: [address], source: "manual", anonymous: peerId === undefined });
  }

  /** Makes room: the candidate heard of longest ago that nobody needs. */
  #forgetOne(): boolean {
    for (const entry of this.entries) {
      if (entry.state !== "known" || classOf(entry) !== "neighbour") continue;
      this.remove(entry);
      return true;
    }
    return false;
  }

  remove(entry: PeerEntry): void {
    entry.timer?.[Symbol.dispose]();
    this.entries.delete(entry);
    if (entry.peerId !== undefined && this.#byId.get(entry.peerId) === entry) {
      this.#byId.delete(entry.peerId);
    }
  }
}

function newEntry(of: Pick<PeerEntry, "peerId" | "addresses" | "source" | "anonymous">): PeerEntry {
  return {
    ...of,
    named: [],
    state: "known",
    isAnchor: false,
    partners: new Set(),
    fails: 0,
    timer: undefined,
    dueMs: undefined,
    parkedUntilMs: 0,
    linkedSinceMs: undefined,
    countedMs: undefined,
    misses: new Map(),
    attempts: [],
  };
}
