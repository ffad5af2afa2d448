/** The requests of one user to one agent of another node: on one stream what is small and on a second what is not. */

import { ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { againAfterMs, type Pacer } from "../gate/pace.ts";
import { nodeLimits } from "../limits.ts";
import { type IdleTimer, idleTimer } from "../network/idle-timer.ts";
import type { AskedLine } from "./agent-line.ts";
import { channelPair } from "./channel-pair.ts";
import type { AgentChannel } from "./channel.ts";
import type { Expiry } from "./expiry.ts";
import type { RpcStream } from "./rpc-dial.ts";
import type { RpcAcceptance } from "./rpc-opening.ts";
import { SharedCall, type SharedCaller } from "./shared-call.ts";
import { SharedChannel } from "./shared-channel.ts";
import { SharedLine } from "./shared-line.ts";
import { streamChannel } from "./stream-channel.ts";

export interface AgentLaneOptions {
  readonly peerId: string;
  readonly proto: "mcp" | "a2a";
  readonly clock: Clock;
  readonly pacer: Pacer;
  readonly expiry: Expiry;
  /** @throws PEER_NOT_FOUND, PEER_UNREACHABLE, the callee's refusal. */
  readonly dial: () => Promise<RpcStream>;
  /** Told of each line that is passed to nobody. */
  readonly onDrop?: (() => void) | undefined;
  /** Told when nothing is left: no stream, no channel. */
  readonly onEmpty: () => void;
}

type Size = "small" | "bulk";
const NO_FACTS: RpcAcceptance = { era: "modern", versions: [], maxInFlight: 1 };
const SIZES: readonly Size[] = ["small", "bulk"];

export class AgentLane {
  readonly #options: AgentLaneOptions;
  readonly #lines: Record<Size, SharedLine | undefined> = { small: undefined, bulk: undefined };
  readonly #opening: Record<Size, Promise<void> | undefined> = { small: undefined, bulk: undefined };
  /** Take no more calls, and end with those under way. */
  readonly #retired = new Set<SharedLine>();
  readonly #waiting = new Set<SharedCall>();
  #facts: RpcAcceptance | undefined;
  #inFlight = 0;
  #calls = 0;
  #channels = 0;
  #idle: IdleTimer | undefined;
  #closed: ProtocolError | undefined;

  constructor(options: AgentLaneOptions) {
    this.#options = options;
  }

  /** A channel of its own for one caller, on streams it shares. @throws what opening the first of them throws. */
  async open(): Promise<AgentChannel> {
    this.#channels += 1;
    try {
      if (this.#facts === undefined) await this.#openLine("small");
    } catch (error) {
      this.#channels -= 1;
      throw error;
    }
    const [near, far] = channelPair(this.#facts ?? NO_FACTS);
    void near.closed.then(() => {
      this.#channels -= 1;
      this.#rest();
    });
    const { proto, clock } = this.#options;
    void new SharedChannel({
      far,
      proto,
      begin: (asked, caller) => this.begin(asked, caller, clock.monotonicMs()),
      giveUp: (call) => this.#settle(call, { tell: true }),
    }).serve();
    return near;
  }

  begin(asked: AskedLine, caller: SharedCaller, nowMs: number): SharedCall {
    const call = new SharedCall(asked, caller, { nowMs, onExpire: (late) => this.#late(late) });
    this.#calls += 1;
    this.#options.expiry.add(call);
    this.#pace(call);
    return call;
  }

  close(error: ProtocolError): void {
    this.#closed = error;
    for (const size of SIZES) this.#lines[size]?.end(error);
    for (const line of this.#retired) line.end(error);
    for (const call of this.#waiting) this.#fail(call, error);
    this.#idle?.[Symbol.dispose]();
  }

  #pace(call: SharedCall): void {
    const { pacer, peerId } = this.#options;
    if (pacer.tryTurn(peerId)) return this.#takePlace(call);
    const end = new AbortController();
    call.leave = () => end.abort();
    pacer.turn(peerId, end.signal).then(
      () => this.#takePlace(call),
      () => undefined,
    );
  }

  #takePlace(call: SharedCall): void {
    if (call.settled) return;
    if (this.#closed !== undefined) return this.#fail(call, this.#closed);
    if (this.#inFlight < (this.#facts?.maxInFlight ?? 1)) return this.#enter(call);
    if (this.#waiting.size >= nodeLimits.rpcQueue) {
      return this.#fail(call, new ProtocolError("QUEUE_FULL", "too many requests wait"));
    }
    this.#waiting.add(call);
  }

  #enter(call: SharedCall): void {
    this.#inFlight += 1;
    call.placed = true;
    this.#send(call);
  }

  #leavePlace(call: SharedCall): void {
    if (!call.placed) return void this.#waiting.delete(call);
    call.placed = false;
    this.#inFlight -= 1;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      return this.#enter(next);
    }
  }

  #send(call: SharedCall): void {
    const size: Size = call.asked.text.length > nodeLimits.rpcBulkBytes ? "bulk" : "small";
    const line = this.#lines[size];
    if (line === undefined) {
      this.#openLine(size).then(
        () => {
          if (!call.settled) this.#send(call);
        },
        (error: unknown) => this.#fail(call, toProtocolError(error, "PEER_UNREACHABLE")),
      );
      return;
    }
    this.#idle?.touch();
    const leftMs = call.endMs - this.#options.clock.monotonicMs();
    if (leftMs <= 0) return this.#late(call);
    try {
      line.send(call, leftMs);
    } catch (error) {
      this.#fail(call, toProtocolError(error, "STREAM_RESET"));
    }
  }

  #openLine(size: Size): Promise<void> {
    this.#opening[size] ??= this.#dial(size).finally(() => {
      this.#opening[size] = undefined;
      this.#rest();
    });
    return this.#opening[size];
  }

  async #dial(size: Size): Promise<void> {
    const { stream, acceptance } = await this.#options.dial();
    if (this.#closed !== undefined) {
      stream.reset("the node stops");
      throw this.#closed;
    }
    this.#facts = acceptance;
    const line = new SharedLine({
      channel: streamChannel(stream, acceptance),
      onEnd: () => {
        if (this.#lines[size] === line) this.#lines[size] = undefined;
        this.#retired.delete(line);
        this.#rest();
      },
      onProgress: (call) => this.#renew(call),
      onAnswer: (call, text) => {
        call.caller.hear(text);
        this.#settle(call, {});
      },
      onFailure: (call, error, text) => this.#failed(call, error, text),
      onDrop: this.#options.onDrop,
    });
    this.#lines[size] = line;
    this.#watch();
    void stream.leaving.then(() => {
      if (this.#lines[size] !== line) return;
      this.#lines[size] = undefined;
      this.#retired.add(line);
      line.retire();
    });
  }

  #renew(call: SharedCall): void {
    const { expiry, clock } = this.#options;
    if (!expiry.delete(call)) return;
    call.renew(clock.monotonicMs());
    expiry.add(call);
  }

  #late(call: SharedCall): void {
    const sent = call.line !== undefined;
    const why = sent ? "no answer in time" : `no way to ${this.#options.peerId} in time`;
    this.#settle(call, {
      error: new ProtocolError(sent ? "CALL_TIMEOUT" : "PEER_UNREACHABLE", why),
      tell: true,
    });
  }

  /** One too many is sent again, later: it was not acted on. Any other error goes on as it was written. */
  #failed(call: SharedCall, error: ProtocolError, text: string): void {
    const waitMs = againAfterMs(error, call.attempt);
    if (waitMs !== undefined && this.#closed === undefined) {
      call.attempt += 1;
      call.line = undefined;
      const timer = this.#options.clock.timer(waitMs, () => {
        if (!call.settled) this.#pace(call);
      });
      call.leave = () => timer[Symbol.dispose]();
      return this.#leavePlace(call);
    }
    if (text === "") return this.#fail(call, error);
    call.caller.hear(text);
    this.#settle(call, {});
  }

  #fail(call: SharedCall, error: ProtocolError): void {
    this.#settle(call, { error });
  }

  #settle(
    call: SharedCall,
    { error, tell = false }: { readonly error?: ProtocolError; readonly tell?: boolean },
  ): void {
    if (call.settled) return;
    call.settled = true;
    this.#calls -= 1;
    this.#options.expiry.delete(call);
    call.leave?.();
    call.line?.drop(call, tell);
    this.#leavePlace(call);
    call.caller.over(call, error);
    this.#rest();
  }

  #watch(): void {
    this.#idle ??= idleTimer(this.#options.clock, nodeLimits.rpcIdleMs, () => {
      this.#idle = undefined;
      if (this.#calls > 0) return this.#watch();
      const error = new ProtocolError("STREAM_RESET", "nothing was called for a while");
      for (const size of SIZES) this.#lines[size]?.end(error);
    });
  }

  #rest(): void {
    this.#idle?.touch();
    if (this.#calls > 0 || this.#channels > 0) return;
    if (SIZES.some((size) => this.#lines[size] !== undefined || this.#opening[size] !== undefined)) return;
    this.#idle?.[Symbol.dispose]();
    this.#idle = undefined;
    this.#options.onEmpty();
  }
}
