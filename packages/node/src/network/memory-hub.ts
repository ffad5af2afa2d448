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
  reachable(from: string, to: string): boolean;
  readonly stations: ReadonlyMap<string, MemoryStation>;
  /** @internal */
  readonly inner: HubInner;
}

/** For the memory transport only. */
export interface HubInner {
  enter(station: MemoryStation): void;
  /** Lets this station and the others that sight each other know of one another. */
  announce(station: MemoryStation): void;
  leave(station: MemoryStation): void;
  /** A peer keeps its address for the life of the hub. */
  addressOf(peerId: string): string;
  peerAt(address: string): string | undefined;
  chance(percent: keyof MemoryFaults): boolean;
  delayMs(): number;
  isMute(peerId: string): boolean;
  readonly providers: Map<string, Map<string, number>>;
}

export function memoryHub(options: { readonly seed: number } & Partial<MemoryFaults>): MemoryHub {
  const { seed, ...initial } = options;
  let faults: MemoryFaults = { ...calm, ...initial };
  let groups: readonly (readonly string[])[] | undefined;
  const draw = seededDraw(seed);
  const stations = new Map<string, MemoryStation>();
  const numbers = new Map<string, number>();
  const mute = new Set<string>();

  const reachable = (from: string, to: string) =>
    groups === undefined || groups.some((group) => group.includes(from) && group.includes(to));

  const inner: HubInner = {
    providers: new Map(),
    isMute: (peerId) => mute.has(peerId),
    enter: (station) => {
      stations.set(station.peerId, station);
    },
    announce(station) {
      if (!station.started) return;
      const hint = (of: MemoryStation): PeerHint => ({
        peerId: of.peerId,
        addresses: [inner.addressOf(of.peerId)],
      });
      for (const other of stations.values()) {
        if (other === station || !other.sightsOthers) continue;
        if (!reachable(station.peerId, other.peerId)) continue;
        other.sighted(hint(station));
        station.sighted(hint(other));
      }
    },
    leave: (station) => {
      stations.delete(station.peerId);
    },
    addressOf(peerId) {
      const number = numbers.get(peerId) ?? numbers.size + 1;
      numbers.set(peerId, number);
      return `/memory/${number}/p2p/${peerId}`;
    },
    peerAt(address) {
      const number = Number(/^\/memory\/(\d+)/u.exec(address)?.[1]);
      for (const [peerId, own] of numbers) if (own === number) return peerId;
      return undefined;
    },
    chance: (percent) => faults[percent] > 0 && draw() * 100 < faults[percent],
    delayMs: () =>
      faults.maxDelayMs === 0
        ? 0
        : faults.minDelayMs + draw() * Math.max(0, faults.maxDelayMs - faults.minDelayMs),
  };

  const cutUnreachable = () => {
    for (const a of stations.values()) {
      for (const b of stations.keys()) {
        if (a.peerId !== b && !reachable(a.peerId, b)) a.cutFrom(b, "partition");
      }
    }
  };
  return {
    seed,
    stations,
    inner,
    reachable,
    set(changes) {
      faults = { ...faults, ...changes };
    },
    partition(next) {
      groups = next;
      cutUnreachable();
    },
    heal() {
      groups = undefined;
    },
    mute: (peerId) => void mute.add(peerId),
  };
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
