/** The calls to one peer: 64 under way, 1,024 waiting, on one stream for what is small and one for what is not. */

import { ProtocolError } from "@gridmesh/protocol";
import type { CallMeter } from "../call-meter.ts";
import type { Clock } from "../clock.ts";
import { againAfterMs, type Pacer } from "../gate/pace.ts";
import { nodeLimits } from "../limits.ts";
import { type IdleTimer, idleTimer } from "../network/idle-timer.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import { CallLine } from "./call-line.ts";
import type { Expiry } from "./expiry.ts";
import type { CallOwner, OutboundCall } from "./outbound-call.ts";

export interface PeerCallsOptions {
  readonly peerId: string;
  readonly clock: Clock;
  readonly meter?: CallMeter | undefined;
  readonly pacer: Pacer;
  readonly expiry: Expiry;
  /** A stream whose opening line was answered. @throws PEER_NOT_FOUND, PEER_UNREACHABLE, the callee's refusal. */
  readonly open: () => Promise<BoundedStream>;
  /** Told when nothing is left: no stream, no call. */
  readonly onEmpty: () => void;
}

/** Small messages share the first; the second keeps large ones from delaying them. */
type Lane = "small" | "bulk";

/** Methods whose answers were large, remembered. */
const BIG_METHODS = 256;

export class PeerCalls implements CallOwner {
  readonly #options: PeerCallsOptions;
  readonly #lines: Record<Lane, CallLine | undefined> = { small: undefined, bulk: undefined };
  /** Take no more calls, and end with those under way. */
  readonly #retired = new Set<CallLine>();
  /** Calls that wait for their stream to open. */
  readonly #opening: Record<Lane, Set<OutboundCall> | undefined> = { small: undefined, bulk: undefined };
  /** Calls that wait for a place, in the order of asking. */
  readonly #waiting = new Set<OutboundCall>();
  readonly #bigMethods = new Set<string>();
  #inFlight = 0;
  /** Calls not settled, wherever they wait. */
  #calls = 0;
  #idle: IdleTimer | undefined;
  #closed: ProtocolError | undefined;

  constructor(options: PeerCallsOptions) {
    this.#options = options;
  }

  /** Nobody waits for anything here. */
  get idle(): boolean {
    return this.#calls === 0;
  }

  begin(call: OutboundCall): void {
    this.#calls += 1;
    call.owner = this;
    this.#options.expiry.add(call);
    this.#pace(call);
  }

  /** Before there was a stream nothing was sent: such a time-out is no call that may have happened. */
  explain(call: OutboundCall, error: ProtocolError): ProtocolError {
    const { peerId } = this.#options;
    if (call.line !== undefined || this.#lines[this.#laneOf(call)] !== undefined) return error;
    return new ProtocolError("PEER_UNREACHABLE", `no way to ${peerId} in time`, { cause: error });
  }

  settled(call: OutboundCall, error: unknown): void {
    const { clock, meter } = this.#options;
    meter?.ended("peer", clock.monotonicMs() - call.beganMs, error);
    this.#calls -= 1;
    this.#options.expiry.delete(call);
    if (call.placed) this.#leavePlace(call);
    else this.#waiting.delete(call);
    if (this.#calls === 0) this.#rest();
  }

  close(error: ProtocolError): void {
    this.#closed = error;
    for (const lane of ["small", "bulk"] as const) {
      for (const call of this.#opening[lane] ?? []) call.reject(error);
      this.#lines[lane]?.end(error);
    }
    for (const line of this.#retired) line.end(error);
    for (const call of this.#waiting) call.reject(error);
    this.#rest();
  }

  #pace(call: OutboundCall): void {
    const { pacer, peerId } = this.#options;
    if (pacer.tryTurn(peerId)) return this.#takePlace(call);
    const end = new AbortController();
    call.leave = () => end.abort();
    pacer.turn(peerId, end.signal).then(
      () => this.#takePlace(call),
      () => undefined,
    );
  }

  #takePlace(call: OutboundCall): void {
    if (call.settled) return;
    if (this.#inFlight < nodeLimits.rpcInFlight) return this.#enter(call);
    if (this.#waiting.size >= nodeLimits.rpcQueue) {
      return call.reject(new ProtocolError("QUEUE_FULL", "too many calls wait"));
    }
    this.#waiting.add(call);
  }

  #enter(call: OutboundCall): void {
    this.#inFlight += 1;
    call.placed = true;
    if (this.#closed === undefined) this.#send(call);
    else call.reject(this.#closed);
  }

  #leavePlace(call: OutboundCall): void {
    call.placed = false;
    this.#inFlight -= 1;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      return this.#enter(next);
    }
  }

  #send(call: OutboundCall): void {
    const lane = this.#laneOf(call);
    const line = this.#lines[lane];
    if (line === undefined) return this.#afterOpening(lane, call);
    this.#idle?.touch();
    const leftMs = call.endMs - this.#options.clock.monotonicMs();
    if (leftMs <= 0) return call.expire();
    try {
      line.send(call, leftMs);
    } catch (error) {
      call.reject(error);
    }
  }

  #laneOf(call: OutboundCall): Lane {
    const isBig = call.body.length > nodeLimits.rpcBulkBytes || this.#bigMethods.has(call.method);
    return isBig ? "bulk" : "small";
  }

  #afterOpening(lane: Lane, call: OutboundCall): void {
    const known = this.#opening[lane];
    if (known !== undefined) return void known.add(call);
    const calls = new Set([call]);
    this.#opening[lane] = calls;
    this.#open(lane).then(
      () => {
        this.#opening[lane] = undefined;
        for (const waiting of calls) if (!waiting.settled) this.#send(waiting);
      },
      (error: unknown) => {
        this.#opening[lane] = undefined;
        for (const waiting of calls) waiting.reject(error);
        if (this.#calls === 0) this.#rest();
      },
    );
  }

  async #open(lane: Lane): Promise<void> {
    const stream = await this.#options.open();
    if (this.#closed !== undefined) {
      stream.reset("the node stops");
      throw this.#closed;
    }
    const line = new CallLine({
      stream,
      onEnd: () => {
        if (this.#lines[lane] === line) this.#lines[lane] = undefined;
        this.#retired.delete(line);
        if (this.#calls === 0) this.#rest();
      },
      onFailure: (call, error) => this.#failed(call, error),
      onBigAnswer: ({ method }) => {
        if (this.#bigMethods.size >= BIG_METHODS) this.#bigMethods.clear();
        this.#bigMethods.add(method);
      },
    });
    this.#lines[lane] = line;
    this.#watch();
    void stream.leaving.then(() => this.#retire(lane, line));
  }

  /** The next call opens a stream that goes another way. */
  #retire(lane: Lane, line: CallLine): void {
    if (this.#lines[lane] !== line) return;
    this.#lines[lane] = undefined;
    this.#retired.add(line);
    line.retire();
  }

  /** One too many is sent again, later: it was not acted on. */
  #failed(call: OutboundCall, error: ProtocolError): void {
    const waitMs = againAfterMs(error, call.attempt);
    if (waitMs === undefined || this.#closed !== undefined) return call.reject(error);
    call.attempt += 1;
    call.line = undefined;
    const timer = this.#options.clock.timer(waitMs, () => {
      if (!call.settled) this.#pace(call);
    });
    call.leave = () => timer[Symbol.dispose]();
    this.#leavePlace(call);
  }

  #watch(): void {
    this.#idle ??= idleTimer(this.#options.clock, nodeLimits.rpcIdleMs, () => {
      this.#idle = undefined;
      if (this.#calls > 0) return this.#watch();
      const error = new ProtocolError("STREAM_RESET", "nothing was called for a while");
      for (const lane of ["small", "bulk"] as const) this.#lines[lane]?.end(error);
    });
  }

  #rest(): void {
    this.#idle?.touch();
    const { small, bulk } = this.#lines;
    if (small !== undefined || bulk !== undefined) return;
    if (this.#opening.small !== undefined || this.#opening.bulk !== undefined) return;
    this.#idle?.[Symbol.dispose]();
    this.#idle = undefined;
    this.#options.onEmpty();
  }
}
