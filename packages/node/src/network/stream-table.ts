import assert from "node:assert/strict";
import { ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { boundedStream } from "./bounded-stream.ts";
import type { RawStream } from "./raw-stream.ts";
import { streamBudget } from "./stream-budget.ts";
import type { BoundedStream, StreamLimits } from "./stream-types.ts";
import type { Link } from "./transport.ts";

/** Limits of a stream we open under a protocol we do not answer ourselves. */
const callerLimits: StreamLimits = {
  maxFrameBytes: 2 * 1024 * 1024,
  maxLineBytes: 4 * 1024 * 1024,
  maxInboundPerPeer: 64,
  relayed: false,
};

export type StreamHandler = (stream: BoundedStream, from: Link) => void;

/** Which protocols are answered, and how many streams are open under each, per peer and direction. */
export interface StreamTable {
  handle(protocol: string, limits: StreamLimits, on: StreamHandler): Disposable;
  limitsOf(protocol: string): StreamLimits;
  answers(protocol: string): boolean;
  /**
   * Holds a place for a stream about to be opened; disposing it gives the place back if `opened` was not called.
   * @throws TOO_MANY_STREAMS.
   */
  reserve(peerId: string, protocol: string): Disposable & { opened(raw: RawStream): BoundedStream };
  /** Hands an inbound stream to its handler; one too many is reset. */
  accept(raw: RawStream, from: Link): void;
  readonly streams: number;
  unreadBytes(): number;
  readonly refused: Readonly<Record<string, number>>;
}

export interface StreamTableOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Told when bytes of a peer came in. */
  readonly onActivity: (peerId: string) => void;
}

export function streamTable(options: StreamTableOptions): StreamTable {
  const { clock, log, onActivity } = options;
  const handlers = new Map<string, { readonly limits: StreamLimits; readonly on: StreamHandler }>();
  const open = new Map<string, number>();
  const budget = streamBudget();
  const refused: Record<string, number> = {};

  const limitsOf = (protocol: string) => handlers.get(protocol)?.limits ?? callerLimits;
  const change = (key: string, by: 1 | -1) => {
    const count = (open.get(key) ?? 0) + by;
    if (count === 0) open.delete(key);
    else open.set(key, count);
  };
  const wrap = (raw: RawStream, peerId: string, key: string) => {
    const stream = boundedStream({
      raw,
      peerId,
      limits: limitsOf(raw.protocol),
      clock,
      budget,
      onActivity: () => onActivity(peerId),
    });
    void stream.closed.then(() => change(key, -1));
    return stream;
  };

  return {
    limitsOf,
    answers: (protocol) => handlers.has(protocol),
    handle(protocol, limits, on) {
      assert(!handlers.has(protocol), `${protocol} is handled already`);
      handlers.set(protocol, { limits, on });
      return { [Symbol.dispose]: () => handlers.delete(protocol) };
    },
    reserve(peerId, protocol) {
      const key = `out ${peerId} ${protocol}`;
      const { maxInboundPerPeer } = limitsOf(protocol);
      if ((open.get(key) ?? 0) >= maxInboundPerPeer) {
        throw new ProtocolError("TOO_MANY_STREAMS", `${maxInboundPerPeer} streams of ${protocol} are open`);
      }
      change(key, 1);
      let used = false;
      return {
        opened(raw) {
          used = true;
          return wrap(raw, peerId, key);
        },
        [Symbol.dispose]() {
          if (!used) change(key, -1);
          used = true;
        },
      };
    },
    accept(raw, from) {
      const key = `in ${from.peerId} ${raw.protocol}`;
      const handler = handlers.get(raw.protocol);
      if (handler === undefined || (open.get(key) ?? 0) >= handler.limits.maxInboundPerPeer) {
        refused["streams"] = (refused["streams"] ?? 0) + 1;
        return raw.abort(new ProtocolError("TOO_MANY_STREAMS", `too many streams of ${raw.protocol}`));
      }
      change(key, 1);
      const stream = wrap(raw, from.peerId, key);
      try {
        handler.on(stream, from);
      } catch (error) {
        log.error("stream-handler", String(error), { protocol: raw.protocol, peer: from.peerId });
        stream.reset("the handler failed");
      }
    },
    get streams() {
      return budget.streams;
    },
    unreadBytes: () => budget.unreadBytes(),
    refused,
  };
}
