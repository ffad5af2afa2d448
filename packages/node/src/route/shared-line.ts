/** The calling end of one stream to an agent that several channels share. */

import { fromRpcError, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import { type AgentLine, readAgentLine } from "./agent-line.ts";
import type { AgentChannel } from "./channel.ts";
import { answerFor, cancelText, progressFor, type SharedCall } from "./shared-call.ts";

export interface SharedLineOptions {
  readonly channel: AgentChannel;
  /** Told once when the stream takes no more. */
  readonly onEnd: () => void;
  /** Something came of a call that goes on. */
  readonly onProgress: (call: SharedCall) => void;
  readonly onAnswer: (call: SharedCall, line: string) => void;
  readonly onFailure: (call: SharedCall, error: ProtocolError, line: string) => void;
  readonly onDrop?: (() => void) | undefined;
}

export class SharedLine {
  readonly #options: SharedLineOptions;
  readonly #pending = new Map<number, SharedCall>();
  #lastId = 0;
  #retired = false;
  #ended = false;

  constructor(options: SharedLineOptions) {
    this.#options = options;
    void this.#read();
  }

  /** @throws QUEUE_FULL, FRAME_TOO_LARGE, STREAM_RESET. */
  send(call: SharedCall, leftMs: number): void {
    call.wireId = this.#lastId += 1;
    this.#options.channel.send(call.text(leftMs));
    call.line = this;
    this.#pending.set(call.wireId, call);
  }

  /** Forgets a call; the agent is told unless it has answered. */
  drop(call: SharedCall, tell: boolean): void {
    if (!this.#pending.delete(call.wireId) || this.#ended) return;
    try {
      if (tell) this.#options.channel.send(cancelText(call.wireId));
    } catch {
      // Who reads nothing is told nothing.
    }
    this.#endIfIdle();
  }

  /** Takes no more calls, and ends once those under way are answered. */
  retire(): void {
    this.#retired = true;
    this.#endIfIdle();
  }

  end(error: ProtocolError): void {
    if (this.#ended) return;
    const { channel, onEnd, onFailure } = this.#options;
    this.#ended = true;
    onEnd();
    for (const call of this.#pending.values()) {
      this.#pending.delete(call.wireId);
      onFailure(call, error, "");
    }
    channel.end();
  }

  async #read(): Promise<void> {
    try {
      for await (const line of this.#options.channel.lines) this.#take(line);
      this.end(new ProtocolError("STREAM_RESET", "the callee ended the stream"));
    } catch (error) {
      this.end(toProtocolError(error, "STREAM_RESET"));
    }
  }

  #take(line: string): void {
    const read = readAgentLine(line);
    if (read.kind === "answer") return this.#answer(line, read);
    if (read.kind !== "notification") return this.#options.onDrop?.();
    const call = this.#callOf(read);
    if (call === undefined) return this.#options.onDrop?.();
    const { token } = call.asked;
    this.#options.onProgress(call);
    call.caller.hear(read.token === undefined || token === undefined ? line : progressFor(token, line));
  }

  /** Progress by its token; a log line is the call's that asked for some: no other may have caused it. */
  #callOf({ method, token }: AgentLine & { readonly kind: "notification" }): SharedCall | undefined {
    if (typeof token === "number") return this.#pending.get(token);
    if (method !== "notifications/message") return undefined;
    for (const call of this.#pending.values()) if (call.asked.logs) return call;
    return undefined;
  }

  #answer(line: string, { id, failed, value }: AgentLine & { readonly kind: "answer" }): void {
    if (id === null) return this.end(fromRpcError(value["error"]));
    const call = typeof id === "number" ? this.#pending.get(id) : undefined;
    if (call === undefined) return this.#options.onDrop?.();
    this.#pending.delete(call.wireId);
    const told = answerFor(call.asked.id, call.wireId, line);
    if (failed) this.#options.onFailure(call, fromRpcError(value["error"]), told);
    else this.#options.onAnswer(call, told);
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (!this.#retired || this.#pending.size > 0) return;
    this.end(new ProtocolError("STREAM_RESET", "calls go another way"));
  }
}
