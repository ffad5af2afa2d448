import type { PeerHint } from "./transport.ts";

/** What the memory network does to those who use it; percentages of 0 … 100, times in milliseconds. */
export interface MemoryFaults {
  /** Gossip messages lost on a hop; streams keep their promise. */
  readonly lossPercent: number;
  /** Gossip messages that arrive twice. */
  readonly duplicatePercent: number;
  /** Dials that fail. */
  readonly dialFailPercent: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

const calm: MemoryFaults = {
  lossPercent: 0,
  duplicatePercent: 0,
  dialFailPercent: 0,
  minDelayMs: 0,
  maxDelayMs: 0,
};

/** What the hub needs of a node on it. */
export interface MemoryStation {
  readonly peerId: string;
  readonly started: boolean;
  readonly sightsOthers: boolean;
  sighted(hint: PeerHint): void;
  cutFrom(peerId: string, reason: string): void;
}

/** The place where nodes of one process meet; every chance it takes follows its seed. */
export interface MemoryHub {
  readonly seed: number;
  /** Changes some of the faults from now on. */
  set(faults: Partial<MemoryFaults>): void;
  /** Only nodes of the same group reach each other; existing links between groups are cut. */
  partition(groups: readonly (readonly string[])[]): void;
  heal(): void;
  /** From now on nothing reaches this peer or comes from it, though its links stand: a pulled cable. */
  mute(peerId: string): void;
  /** Ends that. */
  unmute(peerId: string): void;
  /** Gives the peer another address; nobody answers at the old one. */
  move(peerId: string): void;
  reachable(from: string, to: string): boolean;
  readonly stations: ReadonlyMap<string, MemoryStation>;
  /** @internal */
  readonly inner: HubInner;
}

/** For the memory transport only. */
interface HubInner {
  enter(station: MemoryStation): void;
  /** Lets this station and the others that sight each other know of one another. */
  announce(station: MemoryStation): void;
  leave(station: MemoryStation): void;
  /** A peer keeps its address until it is moved. */
  addressOf(peerId: string): string;
  peerAt(address: string): string | undefined;
  chance(percent: keyof MemoryFaults): boolean;
  delayMs(): number;
  isMute(peerId: string): boolean;
  readonly providers: Map<string, Map<string, number>>;
}

export function memoryHub(options: { readonly seed: number } & Partial<MemoryFaults>): MemoryHub {
  return new Hub(options);
}

class Hub implements MemoryHub, HubInner {
  readonly seed: number;
  readonly stations = new Map<string, MemoryStation>();
  readonly providers = new Map<string, Map<string, number>>();
  readonly #draw: () => number;
  readonly #numbers = new Map<string, number>();
  #lastNumber = 0;
  readonly #mute = new Set<string>();
  #faults: MemoryFaults;
  #groups: readonly (readonly string[])[] | undefined;

  constructor(options: { readonly seed: number } & Partial<MemoryFaults>) {
    const { seed, ...faults } = options;
    this.seed = seed;
    this.#faults = { ...calm, ...faults };
    this.#draw = seededDraw(seed);
  }

  get inner(): HubInner {
    return this;
  }

  set(faults: Partial<MemoryFaults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  partition(groups: readonly (readonly string[])[]): void {
    this.#groups = groups;
    for (const station of this.stations.values()) {
      for (const other of this.stations.keys()) {
        if (station.peerId !== other && !this.reachable(station.peerId, other)) {
          station.cutFrom(other, "partition");
        }
      }
    }
  }

  heal(): void {
    this.#groups = undefined;
  }

  mute(peerId: string): void {
    this.#mute.add(peerId);
  }

  unmute(peerId: string): void {
    this.#mute.delete(peerId);
  }

  move(peerId: string): void {
    this.#numbers.set(peerId, this.#nextNumber());
  }

  isMute(peerId: string): boolean {
    return this.#mute.has(peerId);
  }

  reachable(from: string, to: string): boolean {
    const groups = this.#groups;
    return groups === undefined || groups.some((group) => group.includes(from) && group.includes(to));
  }

  enter(station: MemoryStation): void {
    this.stations.set(station.peerId, station);
  }

  leave(station: MemoryStation): void {
    this.stations.delete(station.peerId);
  }

  announce(station: MemoryStation): void {
    if (!station.started) return;
    const hint = (of: MemoryStation): PeerHint => ({
      peerId: of.peerId,
      addresses: [this.addressOf(of.peerId)],
    });
    for (const other of this.stations.values()) {
      if (other === station || !other.sightsOthers) continue;
      if (!this.reachable(station.peerId, other.peerId)) continue;
      other.sighted(hint(station));
      station.sighted(hint(other));
    }
  }

  addressOf(peerId: string): string {
    const number = this.#numbers.get(peerId) ?? this.#nextNumber();
    this.#numbers.set(peerId, number);
    return `/memory/${number}/p2p/${peerId}`;
  }

  peerAt(address: string): string | undefined {
    const number = Number(/^\/memory\/(\d+)/u.exec(address)?.[1]);
    for (const [peerId, own] of this.#numbers) if (own === number) return peerId;
    return undefined;
  }

  chance(percent: keyof MemoryFaults): boolean {
    return this.#faults[percent] > 0 && this.#draw() * 100 < this.#faults[percent];
  }

  delayMs(): number {
    const { minDelayMs, maxDelayMs } = this.#faults;
    return maxDelayMs === 0 ? 0 : minDelayMs + this.#draw() * Math.max(0, maxDelayMs - minDelayMs);
  }

  #nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }
}

/** Marsaglia's xorshift over 32 bits: a uniform number in 0 … 1, the same row for the same seed. */
function seededDraw(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}
