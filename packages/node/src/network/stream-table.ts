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

/** A place held for a stream about to be opened; disposing it unused gives the place back. */
export interface StreamPlace extends Disposable {
  opened(raw: RawStream): BoundedStream;
}

export interface StreamTableOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Told when bytes of a peer came in. */
  readonly onActivity: (peerId: string) => void;
}

/** Which protocols are answered, and how many streams are open under each, per peer and direction. */
export class StreamTable {
  /** Streams refused, by rule. */
  readonly refused: Record<string, number> = {};
  readonly #options: StreamTableOptions;
  readonly #handlers = new Map<string, { readonly limits: StreamLimits; readonly on: StreamHandler }>();
  readonly #open = new Map<string, number>();
  readonly #budget = streamBudget();

  constructor(options: StreamTableOptions) {
    this.#options = options;
  }

  get streams(): number {
    return this.#budget.streams;
  }

  unreadBytes(): number {
    return this.#budget.unreadBytes();
  }

  handle(protocol: string, limits: StreamLimits, on: StreamHandler): Disposable {
    assert(!this.#handlers.has(protocol), `${protocol} is handled already`);
    this.#handlers.set(protocol, { limits, on });
    return { [Symbol.dispose]: () => this.#handlers.delete(protocol) };
  }

  answers(protocol: string): boolean {
    return this.#handlers.has(protocol);
  }

  limitsOf(protocol: string): StreamLimits {
    return this.#handlers.get(protocol)?.limits ?? callerLimits;
  }

  /** @throws TOO_MANY_STREAMS: the other side would reset it without a word. */
  reserve(peerId: string, protocol: string): StreamPlace {
    const key = `out ${peerId} ${protocol}`;
    const { maxInboundPerPeer } = this.limitsOf(protocol);
    if ((this.#open.get(key) ?? 0) >= maxInboundPerPeer) {
      throw new ProtocolError("TOO_MANY_STREAMS", `${maxInboundPerPeer} streams of ${protocol} are open`);
    }
    this.#change(key, 1);
    let settled = false;
    return {
      opened: (raw) => {
        settled = true;
        return this.#wrap(raw, peerId, key);
      },
      [Symbol.dispose]: () => {
        if (!settled) this.#change(key, -1);
        settled = true;
      },
    };
  }

  /** Hands an inbound stream to its handler; one too many is reset. */
  accept(raw: RawStream, from: Link): void {
    const key = `in ${from.peerId} ${raw.protocol}`;
    const handler = this.#handlers.get(raw.protocol);
    if (handler === undefined || (this.#open.get(key) ?? 0) >= handler.limits.maxInboundPerPeer) {
      this.refused["streams"] = (this.refused["streams"] ?? 0) + 1;
      raw.abort(new ProtocolError("TOO_MANY_STREAMS", `too many streams of ${raw.protocol}`));
      return;
    }
    this.#change(key, 1);
    const stream = this.#wrap(raw, from.peerId, key);
    try {
      handler.on(stream, from);
    } catch (error) {
      const fields = { protocol: raw.protocol, peer: from.peerId };
      this.#options.log.error("stream-handler", String(error), fields);
      stream.reset("the handler failed");
    }
  }

  #wrap(raw: RawStream, peerId: string, key: string): BoundedStream {
    const { clock, onActivity } = this.#options;
    const stream = boundedStream({
      raw,
      peerId,
      limits: this.limitsOf(raw.protocol),
      clock,
      budget: this.#budget,
      onActivity: () => onActivity(peerId),
    });
    void stream.closed.then(() => this.#change(key, -1));
    return stream;
  }

  #change(key: string, by: 1 | -1): void {
    const count = (this.#open.get(key) ?? 0) + by;
    if (count === 0) this.#open.delete(key);
    else this.#open.set(key, count);
  }
}
