import assert from "node:assert/strict";
import { isProtocolError, ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { Bandwidth, type BandwidthLimits } from "./bandwidth.ts";
import { boundedStream } from "./bounded-stream.ts";
import type { RawStream } from "./raw-stream.ts";
import { type BudgetLimits, type StreamBudget, streamBudget } from "./stream-budget.ts";
import type { BoundedStream, StreamLimits } from "./stream-types.ts";
import type { Link } from "./transport.ts";
import { unsentBudget } from "./unsent-budget.ts";

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

/** What all streams of a node may hold and move together. */
export interface StreamBounds extends Partial<BudgetLimits>, BandwidthLimits {}

export interface StreamTableOptions {
  readonly clock: Clock;
  readonly bounds?: StreamBounds | undefined;
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
  readonly #openOf = new Map<string, number>();
  readonly #resets = new Map<string, number>();
  readonly #resetPeers = new Map<string, string>();
  readonly #budget: StreamBudget;
  readonly #unsent = unsentBudget();
  readonly #bandwidth: Bandwidth;

  constructor(options: StreamTableOptions) {
    this.#options = options;
    this.#budget = streamBudget(options.bounds);
    this.#bandwidth = new Bandwidth(options.clock, options.bounds);
  }

  get streams(): number {
    return this.#budget.streams;
  }

  unreadBytes(): number {
    return this.#budget.unreadBytes();
  }

  unsentBytes(): number {
    return this.#unsent.bytes;
  }

  /** Streams open, by protocol. */
  byProtocol(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#openOf);
  }

  /** Streams that ended by a reset, by `<protocol> <reason>`: our error's code as `stream-reset`, or `remote`. */
  resets(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#resets);
  }

  /** Whose stream the last of each was, by the same key. */
  resetPeers(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#resetPeers);
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
    count(this.#open, key, 1);
    let settled = false;
    return {
      opened: (raw) => {
        settled = true;
        return this.#wrap(raw, peerId, key);
      },
      [Symbol.dispose]: () => {
        if (!settled) count(this.#open, key, -1);
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
      const error = new ProtocolError("TOO_MANY_STREAMS", `too many streams of ${raw.protocol}`);
      if (handler !== undefined) this.#countReset(raw.protocol, from.peerId, error);
      raw.abort(error);
      return;
    }
    count(this.#open, key, 1);
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
      unsent: this.#unsent,
      bandwidth: this.#bandwidth,
      onActivity: () => onActivity(peerId),
    });
    count(this.#openOf, raw.protocol, 1);
    void stream.closed.then((error) => {
      count(this.#open, key, -1);
      count(this.#openOf, raw.protocol, -1);
      if (error !== undefined) this.#countReset(raw.protocol, peerId, error);
    });
    return stream;
  }

  /** Protocols are those we answer or open: no stranger can add to the names. */
  #countReset(protocol: string, peerId: string, error: Error): void {
    const key = `${protocol} ${reasonOf(error)}`;
    count(this.#resets, key, 1);
    this.#resetPeers.set(key, peerId);
  }
}

function count(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const value = (counts.get(key) ?? 0) + by;
  if (value === 0) counts.delete(key);
  else counts.set(key, value);
}

/** A closed set of words: what the other side says of its reason is its own text. */
function reasonOf(error: Error): string {
  return isProtocolError(error) ? error.code.toLowerCase().replaceAll("_", "-") : "remote";
}
