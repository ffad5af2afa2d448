import { MemoryDatastore } from "datastore-core";
import { Key } from "interface-datastore";

export interface DatastoreLimits {
  readonly recordsPerProvider: number;
  readonly records: number;
  readonly bytes: number;
  /** Peers whose addresses are remembered; those not written for longest make room. */
  readonly peers: number;
}

const defaultLimits: DatastoreLimits = {
  recordsPerProvider: 256,
  records: 20_000,
  bytes: 32 * 1024 * 1024,
  peers: 10_000,
};

const providerPrefix = "/dht/provider/";
const recordPrefix = "/dht/record/";
const peerPrefix = "/peers/";

/** Whose records no stranger may push out. */
export interface DatastoreOwner {
  /** PeerId of this node: its own provider records have room always, few as they are. */
  readonly peerId?: string | undefined;
  /** Is this the name under `/peers/` of this node or of a linked peer? libp2p needs both to find their way. */
  readonly isNeeded?: ((name: string) => boolean) | undefined;
}

/** Why a write is refused. */
type Refusal = "value" | "provider-records" | "records" | "bytes";

/**
 * The DHT's store with quotas: strangers write to it, so it refuses values and everything beyond a provider's share.
 * It lives in memory: a restarted node begins with an empty one, and its counters with it.
 */
export class GuardedDatastore extends MemoryDatastore {
  readonly #limits: DatastoreLimits;
  readonly #owner: DatastoreOwner;
  readonly #sizes = new Map<string, number>();
  readonly #perProvider = new Map<string, number>();
  /** Records by what they provide: a look-up never walks all of them. */
  readonly #perContent = new Map<string, Set<string>>();
  /** Peers from the longest unwritten to the latest. */
  readonly #peers = new Set<string>();
  #bytes = 0;
  /** Refused writes by reason. */
  readonly refused: Record<string, number> = {};

  constructor(limits: Partial<DatastoreLimits> = {}, owner: DatastoreOwner = {}) {
    super();
    this.#owner = owner;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** Bytes that strangers' records hold. */
  get recordBytes(): number {
    return this.#bytes;
  }

  get records(): number {
    return this.#sizes.size;
  }

  override put(
    ...[key, value, options]: Parameters<MemoryDatastore["put"]>
  ): ReturnType<MemoryDatastore["put"]> {
    const name = key.toString();
    if (name.startsWith(recordPrefix)) this.refuse("value");
    if (name.startsWith(providerPrefix)) this.#admit(name, value.byteLength);
    if (name.startsWith(peerPrefix)) this.#remember(name);
    return super.put(key, value, options);
  }

  override delete(
    ...[key, options]: Parameters<MemoryDatastore["delete"]>
  ): ReturnType<MemoryDatastore["delete"]> {
    const name = key.toString();
    this.#forget(name);
    this.#peers.delete(name);
    return super.delete(key, options);
  }

  override async *_all(
    ...[query, options]: Parameters<MemoryDatastore["_all"]>
  ): AsyncGenerator<{ key: Key; value: Uint8Array }> {
    const of = query.prefix ?? "";
    if (of.startsWith(providerPrefix)) {
      // What is found may be deleted on the way: a set bears that.
      for (const name of this.#perContent.get(of) ?? []) {
        options?.signal?.throwIfAborted();
        const value = this.#valueOf(name);
        if (value !== undefined) yield { key: new Key(name), value };
      }
    } else {
      yield* super._all(query, options);
    }
  }

  /** Counts a refused write, and refuses it. */
  refuse(reason: Refusal): never {
    this.refused[reason] = (this.refused[reason] ?? 0) + 1;
    throw new Error(`the DHT store refuses: ${reason}`);
  }

  #valueOf(name: string): Uint8Array | undefined {
    return this.#sizes.has(name) ? (super.get(new Key(name)) as Uint8Array) : undefined;
  }

  #admit(name: string, bytes: number): void {
    const before = this.#sizes.get(name);
    const size = name.length + bytes;
    const { provider, content } = partsOf(name);
    const held = this.#perProvider.get(provider) ?? 0;
    if (before === undefined && held >= this.#limits.recordsPerProvider) this.refuse("provider-records");
    if (provider !== this.#owner.peerId) {
      if (before === undefined && this.#sizes.size >= this.#limits.records) this.refuse("records");
      if (this.#bytes - (before ?? 0) + size > this.#limits.bytes) this.refuse("bytes");
    }
    if (before === undefined) {
      this.#perProvider.set(provider, held + 1);
      const same = this.#perContent.get(content) ?? new Set();
      this.#perContent.set(content, same.add(name));
    }
    this.#sizes.set(name, size);
    this.#bytes += size - (before ?? 0);
  }

  #forget(name: string): void {
    const size = this.#sizes.get(name);
    if (size === undefined) return;
    this.#sizes.delete(name);
    this.#bytes -= size;
    const { provider, content } = partsOf(name);
    const left = (this.#perProvider.get(provider) ?? 1) - 1;
    if (left === 0) this.#perProvider.delete(provider);
    else this.#perProvider.set(provider, left);
    const same = this.#perContent.get(content);
    same?.delete(name);
    if (same?.size === 0) this.#perContent.delete(content);
  }

  #remember(name: string): void {
    this.#peers.delete(name);
    this.#peers.add(name);
    if (this.#peers.size <= this.#limits.peers) return;
    for (const oldest of [...this.#peers].slice(0, -1)) {
      if (this.#owner.isNeeded?.(oldest.slice(peerPrefix.length)) !== true) {
        void this.delete(new Key(oldest));
        return;
      }
      // Looked at again after all others.
      this.#peers.delete(oldest);
      this.#peers.add(oldest);
    }
  }
}

/** `/dht/provider/<cid>/<peer>`. */
function partsOf(name: string): { readonly provider: string; readonly content: string } {
  const at = name.lastIndexOf("/");
  return { provider: name.slice(at + 1), content: name.slice(0, at) };
}
