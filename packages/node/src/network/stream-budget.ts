/**
 * Unread bytes of all streams, per peer and in all. Over half of a peer's share its streams pause between frames;
 * over the whole, its fullest stream is reset: memory stays bounded whatever strangers send.
 */

export interface BudgetLimits {
  readonly unreadBytesPerPeer: number;
  readonly unreadBytes: number;
}

const defaultBudget: BudgetLimits = {
  unreadBytesPerPeer: 8 * 1024 * 1024,
  unreadBytes: 256 * 1024 * 1024,
};

function limitsOf(given: Partial<BudgetLimits>): BudgetLimits {
  return {
    unreadBytesPerPeer: given.unreadBytesPerPeer ?? defaultBudget.unreadBytesPerPeer,
    unreadBytes: given.unreadBytes ?? defaultBudget.unreadBytes,
  };
}

/** A stream as the budget sees it. */
export interface BudgetedStream {
  readonly peerId: string;
  /** Unread bytes, ours and the raw stream's. */
  unreadBytes(): number;
  /** Told when the peer's share has room again. */
  onRelief(): void;
  overload(): void;
}

export interface StreamBudget {
  add(stream: BudgetedStream): void;
  remove(stream: BudgetedStream): void;
  /** Counts again after bytes came or went; may reset a stream. */
  changed(stream: BudgetedStream): void;
  /** Is this peer over half of its share? */
  isTight(peerId: string): boolean;
  readonly streams: number;
  unreadBytes(): number;
}

interface PeerShare {
  readonly streams: Map<BudgetedStream, number>;
  unread: number;
  tight: boolean;
}

/** Limits left out have their defaults: 8 MiB a peer, 256 MiB in all. */
export function streamBudget(given: Partial<BudgetLimits> = {}): StreamBudget {
  const limits = limitsOf(given);
  const peers = new Map<string, PeerShare>();
  let streams = 0;
  let total = 0;

  const account = (share: PeerShare, stream: BudgetedStream, unread: number) => {
    const before = share.streams.get(stream) ?? 0;
    share.streams.set(stream, unread);
    share.unread += unread - before;
    total += unread - before;
  };

  const relieve = (share: PeerShare) => {
    const tight = share.unread > limits.unreadBytesPerPeer / 2;
    const relieved = share.tight && !tight;
    share.tight = tight;
    if (relieved) for (const stream of share.streams.keys()) stream.onRelief();
  };

  return {
    add(stream) {
      let share = peers.get(stream.peerId);
      if (share === undefined) {
        share = { streams: new Map(), unread: 0, tight: false };
        peers.set(stream.peerId, share);
      }
      share.streams.set(stream, 0);
      streams += 1;
    },
    remove(stream) {
      const share = peers.get(stream.peerId);
      if (share?.streams.has(stream) !== true) return;
      account(share, stream, 0);
      share.streams.delete(stream);
      streams -= 1;
      if (share.streams.size === 0) peers.delete(stream.peerId);
      else relieve(share);
    },
    changed(stream) {
      const share = peers.get(stream.peerId);
      if (share?.streams.has(stream) !== true) return;
      account(share, stream, stream.unreadBytes());
      relieve(share);
      if (share.unread > limits.unreadBytesPerPeer) fullest([share])?.overload();
      else if (total > limits.unreadBytes) fullest(peers.values())?.overload();
    },
    isTight: (peerId) => peers.get(peerId)?.tight === true,
    get streams() {
      return streams;
    },
    unreadBytes: () => total,
  };
}

function fullest(shares: Iterable<PeerShare>): BudgetedStream | undefined {
  let found: BudgetedStream | undefined;
  let most = -1;
  for (const share of shares) {
    for (const [stream, unread] of share.streams) {
      if (unread > most) [found, most] = [stream, unread];
    }
  }
  return found;
}
