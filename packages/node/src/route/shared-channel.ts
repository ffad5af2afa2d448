/** One caller's channel to an agent of another node, on streams it shares: what is no request is answered here. */

import { ProtocolError, type RpcId } from "@gridmesh/protocol";
import { type AskedLine, readCallerLine } from "./agent-line.ts";
import type { AgentChannel, ChannelProto } from "./channel.ts";
import { errorLine } from "./rpc-lines.ts";
import type { SharedCall, SharedCaller } from "./shared-call.ts";

export interface SharedChannelOptions {
  /** The far end of the caller's channel. */
  readonly far: AgentChannel;
  readonly proto: ChannelProto;
  readonly begin: (asked: AskedLine, caller: SharedCaller) => SharedCall;
  readonly giveUp: (call: SharedCall) => void;
}

export class SharedChannel implements SharedCaller {
  readonly #options: SharedChannelOptions;
  /** Requests under way; undefined while one is being begun. */
  readonly #asked = new Map<RpcId | null, SharedCall | undefined>();
  #saidAll = false;

  constructor(options: SharedChannelOptions) {
    this.#options = options;
  }

  async serve(): Promise<void> {
    const { far, giveUp } = this.#options;
    try {
      for await (const line of far.lines) {
        this.#take(line);
        await far.calm();
      }
      this.#saidAll = true;
      this.#endIfDone();
    } catch {
      for (const call of this.#asked.values()) if (call !== undefined) giveUp(call);
      far.reset("the caller has gone");
    }
  }

  hear(line: string): void {
    try {
      this.#options.far.send(line);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== "STREAM_RESET") {
        this.#options.far.reset("the caller reads too slowly");
      }
    }
  }

  over(call: SharedCall, error: ProtocolError | undefined): void {
    const { id } = call.asked;
    this.#asked.delete(id);
    if (error !== undefined) this.hear(errorLine(id, error, this.#options.proto).slice(0, -1));
    this.#endIfDone();
  }

  #take(text: string): void {
    const read = readCallerLine(text, this.#options.proto);
    if (read.kind === "invalid")
      return this.hear(errorLine(read.id, read.error, this.#options.proto).slice(0, -1));
    if (read.kind === "request") return this.#begin(read);
    const cancelled =
      read.kind === "notification" && read.cancels !== undefined ? this.#asked.get(read.cancels) : undefined;
    // Nothing else of a caller's is for an agent that keeps no conversation.
    if (cancelled === undefined) return;
    this.#asked.delete(cancelled.asked.id);
    this.#options.giveUp(cancelled);
  }

  #begin(asked: AskedLine): void {
    const { id } = asked;
    if (this.#asked.has(id)) {
      const twice = new ProtocolError("INVALID_REQUEST", "this id is under way already");
      return this.hear(errorLine(id, twice, this.#options.proto).slice(0, -1));
    }
    this.#asked.set(id, undefined);
    const call = this.#options.begin(asked, this);
    if (!call.settled) this.#asked.set(id, call);
  }

  #endIfDone(): void {
    if (this.#saidAll && this.#asked.size === 0) this.#options.far.end();
  }
}
