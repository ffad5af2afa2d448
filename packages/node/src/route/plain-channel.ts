/** A channel of plain JSON-RPC over calls: each line a request, each answer a line. */

import { type JsonValue, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { CallContext } from "../agent.ts";
import type { Clock } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { AgentChannel, ChannelContext } from "./channel.ts";
import { channelPair } from "./channel-pair.ts";
import {
  cancelledId,
  decodeMessage,
  errorLine,
  resultLine,
  type RpcId,
  type RpcMessage,
} from "./rpc-lines.ts";

export interface PlainChannelOptions {
  readonly clock: Clock;
  readonly context: ChannelContext;
  /** May throw at once as well as later. */
  readonly call: (method: string, params: JsonValue, context: CallContext) => Promise<JsonValue>;
}

/** A channel whose requests are calls. */
export function plainChannel(options: PlainChannelOptions): AgentChannel {
  const [near, far] = channelPair({ era: "modern", versions: [] });
  void new PlainCalls(options, far).serve();
  return near;
}

type Request = RpcMessage & { readonly kind: "request" };

class PlainCalls {
  readonly #options: PlainChannelOptions;
  readonly #end: AgentChannel;
  readonly #running = new Map<RpcId, AbortController>();
  readonly #works = new Set<Promise<void>>();

  constructor(options: PlainChannelOptions, end: AgentChannel) {
    this.#options = options;
    this.#end = end;
  }

  async serve(): Promise<void> {
    const end = this.#end;
    try {
      for await (const line of end.lines) {
        this.#take(decodeMessage(line));
        await end.calm();
      }
      await Promise.all(this.#works);
      end.end();
    } catch (error) {
      for (const call of this.#running.values()) call.abort(error);
      end.reset("the caller broke off");
    }
  }

  #take(message: RpcMessage): void {
    if (message.kind === "batch") {
      const refused = new ProtocolError("INVALID_REQUEST", "a line holds one message");
      return this.#tell(errorLine(null, refused));
    }
    if (message.kind === "unreadable") return this.#tell(errorLine(message.id, message.error));
    if (message.kind === "notification") {
      const id = cancelledId(message);
      if (id !== undefined) this.#running.get(id)?.abort();
      return;
    }
    if (message.kind !== "request") return;
    const work = this.#answer(message).then((line) => this.#tell(line));
    this.#works.add(work);
    void work.finally(() => this.#works.delete(work));
  }

  async #answer({ id, method, params, leftMs }: Request): Promise<string> {
    const { clock, context, call } = this.#options;
    const gone = new AbortController();
    this.#running.set(id, gone);
    const signal = AbortSignal.any([context.signal, gone.signal]);
    const timeoutMs = Math.min(leftMs ?? nodeLimits.callTimeoutMs, nodeLimits.callTimeoutMaxMs);
    using deadline = startDeadline(clock, { timeoutMs, signal }, timeoutMs);
    try {
      const inner: CallContext = {
        caller: context.caller,
        signal: deadline.signal,
        deadlineMs: deadline.atMs,
      };
      return resultLine(id, await until(call(method, params, inner), deadline.signal));
    } catch (error) {
      return errorLine(id, toProtocolError(error, "INTERNAL_ERROR"));
    } finally {
      this.#running.delete(id);
    }
  }

  #tell(line: string): void {
    try {
      this.#end.send(line.trimEnd());
    } catch {
      this.#end.reset("the answer could not be told");
    }
  }
}
