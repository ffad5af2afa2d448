import { MemoryDatastore } from "datastore-core";
import type { Key } from "interface-datastore";

export interface DatastoreLimits {
  readonly recordsPerProvider: number;
  readonly records: number;
  readonly bytes: number;
}

const defaultLimits: DatastoreLimits = {
  recordsPerProvider: 256,
  records: 20_000,
  bytes: 32 * 1024 * 1024,
};

const providerPrefix = "/dht/provider/";
const recordPrefix = "/dht/record/";

/**
 * The DHT's store with quotas: strangers write to it, so it refuses values and everything beyond a provider's share.
 */
export class GuardedDatastore extends MemoryDatastore {
  readonly #limits: DatastoreLimits;
  readonly #sizes = new Map<string, number>();
  readonly #perProvider = new Map<string, number>();
  #bytes = 0;
  /** Refused writes by reason. */
  readonly refused: Record<string, number> = {};

  constructor(limits: DatastoreLimits = defaultLimits) {
    super();
    this.#limits = limits;
  }

  override put(
    ...[key, value, options]: Parameters<MemoryDatastore["put"]>
  ): ReturnType<MemoryDatastore["put"]> {
    const name = key.toString();
    if (name.startsWith(recordPrefix)) this.#refuse("value");
    if (name.startsWith(providerPrefix)) this.#admit(name, value.byteLength);
    return super.put(key, value, options);
  }

  override delete(
    ...[key, options]: Parameters<MemoryDatastore["delete"]>
  ): ReturnType<MemoryDatastore["delete"]> {
    this.#forget(key);
    return super.delete(key, options);
  }

  #admit(name: string, bytes: number): void {
    const before = this.#sizes.get(name);
    const size = name.length + bytes;
    const provider = providerOf(name);
    const held = this.#perProvider.get(provider) ?? 0;
    if (before === undefined) {
      if (held >= this.#limits.recordsPerProvider) this.#refuse("provider-records");
      if (this.#sizes.size >= this.#limits.records) this.#refuse("records");
    }
    if (this.#bytes - (before ?? 0) + size > this.#limits.bytes) this.#refuse("bytes");
    if (before === undefined) this.#perProvider.set(provider, held + 1);
    this.#sizes.set(name, size);
    this.#bytes += size - (before ?? 0);
  }

  #forget(key: Key): void {
    const name = key.toString();
    const size = this.#sizes.get(name);
    if (size === undefined) return;
    this.#sizes.delete(name);
    this.#bytes -= size;
    const provider = providerOf(name);
    const left = (this.#perProvider.get(provider) ?? 1) - 1;
    if (left === 0) this.#perProvider.delete(provider);
    else this.#perProvider.set(provider, left);
  }

  #refuse(reason: string): never {
    this.refused[reason] = (this.refused[reason] ?? 0) + 1;
    throw new Error(`the DHT store refuses: ${reason}`);
  }
}

/** `/dht/provider/<cid>/<peer>`. */
function providerOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
