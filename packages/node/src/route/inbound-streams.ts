import { ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { ChannelMode } from "./channel.ts";
import type { ChannelGuard } from "./channel-guard.ts";

/** A stream's place among those of its peer, left by disposing it. */
export interface StreamSeat extends Disposable {
  /** From now on the stream may be ended for another, while nothing is under way on it. */
  hold(guard: Pick<ChannelGuard, "idle" | "saidMs" | "break">): void;
}

interface Seat {
  readonly mode: ChannelMode;
  guard: Pick<ChannelGuard, "idle" | "saidMs" | "break"> | undefined;
}

/** How many streams each peer holds; the longest idle session makes room for a new one. */
export class InboundStreams {
  readonly #peers = new Map<string, Set<Seat>>();

  /** @throws TOO_MANY_STREAMS. */
  take(peerId: string, mode: ChannelMode): StreamSeat {
    const seats = this.#peers.get(peerId) ?? new Set<Seat>();
    const isLong = mode !== "call";
    if (isLong && count(seats, isLongSeat) >= nodeLimits.rpcLongStreams) makeRoom(seats);
    if (seats.size >= nodeLimits.rpcStreamsServed) makeRoom(seats);
    const seat: Seat = { mode, guard: undefined };
    seats.add(seat);
    this.#peers.set(peerId, seats);
    return {
      hold: (guard) => void (seat.guard = guard),
      [Symbol.dispose]: () => {
        seats.delete(seat);
        if (seats.size === 0 && this.#peers.get(peerId) === seats) this.#peers.delete(peerId);
      },
    };
  }
}

const isLongSeat = ({ mode }: Seat) => mode !== "call";

function count(seats: ReadonlySet<Seat>, fits: (seat: Seat) => boolean): number {
  return [...seats].filter(fits).length;
}

function makeRoom(seats: Set<Seat>): void {
  const idle = [...seats].filter(({ mode, guard }) => mode === "session" && guard?.idle === true);
  const [oldest] = idle.toSorted((a, b) => (a.guard?.saidMs ?? 0) - (b.guard?.saidMs ?? 0));
  if (oldest === undefined) {
    const data = { retry_after_ms: 1_000 };
    throw new ProtocolError("TOO_MANY_STREAMS", "too many streams of this peer", { data });
  }
  seats.delete(oldest);
  oldest.guard?.break(new ProtocolError("TOO_MANY_STREAMS", "a newer conversation took the place"));
}
