/** Stands between a caller's channel and an agent's: judges, bounds and times what passes, and answers in place of an agent that cannot. */

import { forPeer, ProtocolError, type RpcId, toProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { type IdleTimer, idleTimer } from "../network/idle-timer.ts";
import {
  type AgentLine,
  type AskedLine,
  type CallerLine,
  type JudgedLine,
  readAgentLine,
  readCallerLine,
  resultId,
} from "./agent-line.ts";
import type { AgentChannel, ChannelMode, ChannelProto } from "./channel.ts";
import type { Expiry } from "./expiry.ts";
import { GuardedRequest } from "./guarded-request.ts";
import { errorLine } from "./rpc-lines.ts";

export interface GuardOptions {
  /** The end towards the caller, and the agent's own. */
  readonly outside: AgentChannel;
  readonly inside: AgentChannel;
  readonly proto: ChannelProto;
  readonly mode: ChannelMode;
  readonly clock: Clock;
  readonly expiry: Expiry;
  /** Called for each line that is no call's follow-up. @throws RATE_LIMITED and the like. */
  readonly admit: () => void;
  /**
   * Judges a request and takes a place for it; gives that back by what is returned.
   * @throws UNAUTHORIZED, AGENT_NOT_FOUND, AGENT_UNAVAILABLE, RATE_LIMITED, TOO_MANY_STREAMS.
   */
  readonly enter: (asked: JudgedLine) => () => void;
  /** Waits until so large a line may be read; gives its room back by what is returned. @throws OVERLOADED, STREAM_RESET. */
  readonly room: (bytes: number) => Promise<() => void>;
  /** An answer as this caller may see it. */
  readonly filter: (asked: GuardedRequest, line: string) => string;
  /** Told of each request once it is over, with what was thrown if anything was. */
  readonly onOver: (asked: GuardedRequest, error: unknown) => void;
  /** Told of each line that is passed to nobody. */
  readonly onDrop?: (() => void) | undefined;
}

export class ChannelGuard {
  readonly #options: GuardOptions;
  readonly #pending = new Map<RpcId | null, GuardedRequest>();
  /** Requests of the agent that its caller has not answered. */
  readonly #asked = new Set<RpcId>();
  /** Lines that are no calls and cost nothing: one for each call that began. */
  #mayFollow = 0;
  #listened = false;
  #saidAll = false;
  #over = false;
  #idle: IdleTimer | undefined;
  #saidMs: number;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#saidMs = options.clock.monotonicMs();
    if (options.mode === "session") this.#watch();
  }

  /** When something was said last, monotonic ms. */
  get saidMs(): number {
    return this.#saidMs;
  }

  /** Nothing is under way: what the agent asked may never be answered. */
  get idle(): boolean {
    return this.#pending.size === 0;
  }

  /** Resolves once both ends are closed or broken off. */
  async run(): Promise<void> {
    await Promise.all([this.#fromCaller(), this.#fromAgent()]);
    this.#idle?.[Symbol.dispose]();
  }

  /** Ends the conversation: what is under way is answered with the error. */
  break(error: ProtocolError): void {
    if (this.#over) return;
    for (const asked of this.#pending.values()) this.#fail(asked, error);
    this.#leave("the conversation was ended");
  }

  async #fromCaller(): Promise<void> {
    const { outside, inside } = this.#options;
    try {
      for await (const line of outside.lines) {
        this.#touch();
        if (this.#over) continue;
        this.#take(
          line,
          line.length > nodeLimits.rpcBulkBytes ? await this.#options.room(line.length) : none,
        );
        // That the agent broke off is heard where its lines end.
        await inside.calm().catch(() => undefined);
      }
      this.#saidAll = true;
      this.#endIfDone();
    } catch (error) {
      if (this.#over) return;
      const known = toProtocolError(error, "STREAM_RESET");
      for (const asked of this.#pending.values()) this.#settle(asked, known);
      this.#over = true;
      this.#tellLast(known);
      inside.reset("the caller has gone");
    }
  }

  /** An error that is nobody's answer ends the channel, and says why where it still can. */
  #tellLast(error: ProtocolError): void {
    const { outside } = this.#options;
    if (error.code === "STREAM_RESET") return outside.reset("the caller has gone");
    this.#tell(errorLine(null, forPeer(error), this.#options.proto));
    outside.end();
  }

  #take(line: string, leaveRoom: () => void): void {
    const read = readCallerLine(line, this.#options.proto);
    if (read.kind === "request") return this.#begin(read, leaveRoom);
    leaveRoom();
    this.#follow(read);
  }

  #follow(read: Exclude<CallerLine, AskedLine>): void {
    const { mode } = this.#options;
    if (!this.#mayPass(read)) return;
    if (read.kind === "invalid") return this.#tell(errorLine(read.id, read.error, this.#options.proto));
    if (read.kind === "answer") {
      const wanted = mode === "session" && read.id !== null && this.#asked.delete(read.id);
      return wanted ? this.#pass(read.text) : this.#options.onDrop?.();
    }
    const cancelled = read.cancels === undefined ? undefined : this.#pending.get(read.cancels);
    this.#pass(read.text);
    if (cancelled === undefined) return;
    this.#settle(cancelled, new ProtocolError("CALL_CANCELLED", "the caller gave up"));
    this.#endIfDone();
  }

  /** Work that nobody waits for counts and is judged like all other work; what is refused has nobody to tell. */
  #mayPass(read: Exclude<CallerLine, AskedLine>): boolean {
    const runs = read.kind === "notification" ? read.runs : undefined;
    if (read.kind === "invalid" || runs !== undefined || this.#mayFollow === 0) this.#options.admit();
    else this.#mayFollow -= 1;
    if (runs === undefined) return true;
    try {
      this.#options.enter(runs)();
      return true;
    } catch {
      this.#options.onDrop?.();
      return false;
    }
  }

  #begin(line: AskedLine, leaveRoom: () => void): void {
    const { admit, enter, mode, clock, expiry } = this.#options;
    const beganMs = clock.monotonicMs();
    const asked = new GuardedRequest({ line, mode, beganMs, onExpire: (late) => this.#expire(late) });
    try {
      admit();
      if (this.#pending.has(line.id)) throw request("this id is under way already");
      if (mode === "listen" && this.#listened) throw request("a stream that listens has one request");
      const leave = enter(line);
      asked.leave = () => {
        leave();
        leaveRoom();
      };
    } catch (error) {
      leaveRoom();
      this.#options.onOver(asked, error);
      const known = forPeer(toProtocolError(error, "INTERNAL_ERROR"));
      return this.#tell(errorLine(line.id, known, this.#options.proto));
    }
    this.#listened = true;
    this.#mayFollow += 1;
    this.#pending.set(line.id, asked);
    expiry.add(asked);
    try {
      this.#options.inside.send(line.text);
    } catch (error) {
      this.#fail(asked, toProtocolError(error, "AGENT_UNAVAILABLE"));
    }
  }

  async #fromAgent(): Promise<void> {
    const { inside, outside } = this.#options;
    let broken: unknown;
    try {
      for await (const line of inside.lines) {
        this.#touch();
        this.#hear(line);
        await outside.calm();
        if (this.#over) return;
      }
    } catch (error) {
      broken = error;
    }
    if (this.#over) return;
    const why = toProtocolError(
      broken ?? new ProtocolError("AGENT_CRASHED", "the agent ended without an answer"),
      "AGENT_CRASHED",
    );
    // An agent that was not there at all has done nothing; one that listens ends with its stream.
    for (const asked of this.#pending.values()) {
      if (broken === undefined && this.#options.mode === "listen") this.#settle(asked, undefined);
      else this.#fail(asked, why);
    }
    this.#leave("the agent has gone");
  }

  #hear(line: string): void {
    const id = resultId(line);
    const asked = id === undefined ? undefined : this.#pending.get(id);
    if (asked !== undefined) return this.#passResult(asked, line);
    const read = readAgentLine(line);
    if (read.kind === "answer") return this.#answer(line, read);
    if (read.kind === "invalid") return this.#options.onDrop?.();
    if (read.kind === "request") {
      if (this.#options.mode !== "session") return this.#options.onDrop?.();
      if (this.#asked.size >= nodeLimits.rpcInFlightAgent) return this.#refuse(read.id);
      this.#asked.add(read.id);
    } else if (read.token !== undefined) this.#renew(read.token);
    this.#tell(line);
  }

  #refuse(id: RpcId): void {
    const error = new ProtocolError("TOO_MANY_STREAMS", "the caller has not answered the requests before");
    this.#pass(errorLine(id, error).trimEnd());
  }

  #answer(line: string, { id, failed }: AgentLine & { readonly kind: "answer" }): void {
    const asked = this.#pending.get(id);
    if (asked === undefined) return this.#options.onDrop?.();
    if (!failed) return this.#passResult(asked, line);
    asked.bytes += line.length;
    this.#tell(line);
    this.#answered(asked);
  }

  #passResult(asked: GuardedRequest, line: string): void {
    const { proto, mode, filter } = this.#options;
    asked.bytes += line.length;
    this.#tell(filter(asked, line));
    // A2A streams its answers, all under the id of the request.
    if (mode === "listen" && proto === "a2a") return;
    this.#answered(asked);
  }

  #answered(asked: GuardedRequest): void {
    const { mode } = this.#options;
    this.#settle(asked, undefined);
    if (mode === "listen") this.#saidAll = true;
    this.#endIfDone();
  }

  /** Progress is a sign of life: the time begins anew, within what a call may last in all. */
  #renew(token: RpcId): void {
    const { clock, expiry } = this.#options;
    for (const asked of this.#pending.values()) {
      if (asked.line.token !== token || !expiry.delete(asked)) continue;
      asked.renew(clock.monotonicMs());
      expiry.add(asked);
    }
  }

  #expire(asked: GuardedRequest): void {
    const { id } = asked.line;
    if (this.#options.proto === "mcp") {
      const params = { requestId: id, reason: "no answer in time" };
      this.#pass(JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params }));
    }
    this.#fail(asked, new ProtocolError("CALL_TIMEOUT", "no answer in time"));
    this.#endIfDone();
  }

  #fail(asked: GuardedRequest, error: ProtocolError): void {
    this.#settle(asked, error);
    this.#tell(errorLine(asked.line.id, forPeer(error), this.#options.proto));
  }

  #settle(asked: GuardedRequest, error: unknown): void {
    if (this.#pending.get(asked.line.id) !== asked) return;
    this.#pending.delete(asked.line.id);
    this.#options.expiry.delete(asked);
    asked.leave?.();
    this.#options.onOver(asked, error);
  }

  /** The caller asks nothing more and has all its answers. */
  #endIfDone(): void {
    if (this.#saidAll && this.#pending.size === 0) this.#leave("all is said");
  }

  #leave(why: string): void {
    if (this.#over) return;
    this.#over = true;
    const { outside, inside, clock } = this.#options;
    outside.end();
    inside.end();
    const limit = clock.timer(nodeLimits.rpcOpeningMs, () => {
      inside.reset(why);
      outside.reset(why);
    });
    void Promise.all([inside.closed, outside.closed]).then(() => limit[Symbol.dispose]());
  }

  #touch(): void {
    this.#saidMs = this.#options.clock.monotonicMs();
    this.#idle?.touch();
  }

  #watch(): void {
    this.#idle = idleTimer(this.#options.clock, nodeLimits.rpcSessionIdleMs, () => {
      if (this.idle) this.#leave("nothing was said for a while");
      else this.#watch();
    });
  }

  #pass(line: string): void {
    try {
      this.#options.inside.send(line);
    } catch {
      // An agent that is gone is heard of where its lines end.
    }
  }

  /** Each message its own turn: who reads them answers at once but hears notifications a turn late. */
  #tell(line: string): void {
    const { outside } = this.#options;
    try {
      outside.send(line.endsWith("\n") ? line.slice(0, -1) : line);
    } catch (error) {
      // An answer that cannot be told would be waited for.
      const { code, message } = toProtocolError(error, "STREAM_RESET");
      if (code !== "STREAM_RESET") outside.reset(message);
    }
  }
}

function none(): void {}

function request(why: string): ProtocolError {
  return new ProtocolError("INVALID_REQUEST", why);
}
