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
  state: PeerState;
  isAnchor: boolean;
  /** Open work that needs this peer, by reason. */
  readonly partners: Set<symbol>;
  fails: number;
  timer: Disposable | undefined;
  dueMs: number | undefined;
  parkedUntilMs: number;
  linkedSinceMs: number | undefined;
  attempts: readonly { readonly address: string; readonly reason: string }[];
  readonly source: PeerSource;
}

export function classOf(entry: PeerEntry): PeerClass {
  if (entry.isAnchor) return "anchor";
  return entry.partners.size > 0 ? "partner" : "neighbour";
}

export function peerIdIn(address: string): string | undefined {
  return /\/p2p\/([^/]+)$/u.exec(address)?.[1];
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
    if (this.entries.size >= MAX_CANDIDATES) return undefined;
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
    entry.addresses = entry.addresses.filter((address) => peerIdIn(address) === undefined);
  }

  addAddresses(entry: PeerEntry, addresses: readonly string[]): void {
    entry.addresses = [...new Set([...addresses, ...entry.addresses])].slice(0, MAX_ADDRESSES);
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
    state: "known",
    isAnchor: false,
    partners: new Set(),
    fails: 0,
    timer: undefined,
    dueMs: undefined,
    parkedUntilMs: 0,
    linkedSinceMs: undefined,
    attempts: [],
  };
}
