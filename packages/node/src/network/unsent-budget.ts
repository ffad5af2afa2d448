/** Bytes that wait to leave, per peer over all its streams, and in all: who does not read costs no more than its share. */

export interface UnsentLimits {
  readonly unsentBytesPerPeer: number;
  readonly unsentBytes: number;
}

const defaultLimits: UnsentLimits = {
  unsentBytesPerPeer: 16 * 1024 * 1024,
  unsentBytes: 256 * 1024 * 1024,
};

/** What the streams of one peer may have waiting together. */
export interface UnsentShare {
  /** False when there is no room for so many more; nothing is taken then. */
  take(bytes: number): boolean;
  give(bytes: number): void;
  /** Takes without asking: what was let in before turned out longer. */
  owe(bytes: number): void;
}

export interface UnsentBudget {
  of(peerId: string): UnsentShare;
  readonly bytes: number;
}

export function unsentBudget(limits: UnsentLimits = defaultLimits): UnsentBudget {
  const peers = new Map<string, number>();
  let total = 0;
  const change = (peerId: string, by: number) => {
    const bytes = (peers.get(peerId) ?? 0) + by;
    total += by;
    if (bytes === 0) peers.delete(peerId);
    else peers.set(peerId, bytes);
  };
  return {
    of: (peerId) => ({
      take(bytes) {
        const mine = (peers.get(peerId) ?? 0) + bytes;
        if (mine > limits.unsentBytesPerPeer || total + bytes > limits.unsentBytes) return false;
        change(peerId, bytes);
        return true;
      },
      give: (bytes) => change(peerId, -bytes),
      owe: (bytes) => change(peerId, bytes),
    }),
    get bytes() {
      return total;
    },
  };
}
