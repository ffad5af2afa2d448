/** A process of one caller's own, for a conversation that begins with `initialize`: lines pass as they are. */

import { type JsonObject, type JsonValue, ProtocolError, rpcFailure } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { AgentChannel, ChannelContext, Era } from "../route/channel.ts";
import { channelPair } from "../route/channel-pair.ts";
import type { ChildSeat } from "./children.ts";
import { isObject } from "./mcp-words.ts";
import type { ChildHome } from "./stdio-child-keeper.ts";
import type { ChildLine } from "./stdio-child-lines.ts";
import type { ChildProcess } from "./stdio-child-process.ts";

export interface SessionOptions {
  readonly home: ChildHome;
  readonly context: ChannelContext;
  readonly era: Era;
  readonly versions: readonly string[];
  /** Told once its process has ended. */
  readonly onGone: (session: ChildSession) => void;
}

export class ChildSession implements ChildSeat {
  /** The caller's end. */
  readonly channel: AgentChannel;
  readonly #options: SessionOptions;
  readonly #end: AgentChannel;
  /** Requests of the caller that wait for an answer; what the agent asks may never have one, and holds no place. */
  readonly #asked = new Set<JsonValue>();
  #child: ChildProcess | undefined;
  #idleSinceMs: number | undefined;
  #idleTimer: Disposable | undefined;
  #said = 0;
  #dismissed = false;

  private constructor(options: SessionOptions) {
    const { era, versions } = options;
    this.#options = options;
    [this.channel, this.#end] = channelPair({ era, versions });
  }

  /** Starts the process. @throws AGENT_START_FAILED, QUOTA_EXCEEDED. */
  static async open(options: SessionOptions): Promise<ChildSession> {
    const session = new ChildSession(options);
    await session.#start();
    return session;
  }

  get idleSinceMs(): number | undefined {
    return this.#idleSinceMs;
  }

  leave(): Promise<void> {
    this.#idleTimer?.[Symbol.dispose]();
    this.#dismissed = true;
    this.#end.end();
    return this.#child?.stop() ?? Promise.resolve();
  }

  /** Ends once nothing is under way. */
  async drain(): Promise<void> {
    if (this.#asked.size === 0) return this.leave();
    this.#dismissed = true;
    await this.#child?.ended;
  }

  async stopNow(): Promise<void> {
    this.#dismissed = true;
    await this.#child?.stopNow();
  }

  async #start(): Promise<void> {
    const { home, context, onGone } = this.#options;
    const { agent, spec, room } = home;
    const child = await room.start({ agent, spec, seat: this, onLine: (line) => this.#hear(line) });
    this.#child = child;
    void child.ended.then((reason) => {
      home.errors = child.errors;
      this.#ended(reason);
      onGone(this);
    });
    const onAbort = () => void this.leave();
    context.signal.addEventListener("abort", onAbort, { once: true });
    void child.ended.then(() => context.signal.removeEventListener("abort", onAbort));
    if (context.signal.aborted) onAbort();
    void this.#serve(child);
    this.#rest();
  }

  async #serve(child: ChildProcess): Promise<void> {
    try {
      for await (const line of this.#end.lines) {
        this.#pass(child, line);
        await child.calm();
      }
    } catch {
      // The caller broke off, or the process has gone; either way nothing more is to be said.
    }
    this.#dismissed = true;
    await child.stop();
  }

  #pass(child: ChildProcess, line: string): void {
    const message = parsed(line);
    if (message === undefined) return;
    const { id, method } = message;
    if (method === "notifications/cancelled") {
      const params = message["params"];
      if (isObject(params)) this.#asked.delete(params["requestId"] ?? null);
    } else if (id !== undefined && typeof method === "string") {
      this.#asked.add(id);
      this.#busy();
    }
    child.send(line);
    this.#rest();
  }

  #hear({ text, message }: ChildLine): void {
    const { id, method } = message;
    this.#said += 1;
    if (id !== undefined && typeof method !== "string") this.#asked.delete(id);
    try {
      this.#end.send(text);
      this.#holdUntilRead();
    } catch {
      this.#end.reset("the caller reads too slowly");
    }
    this.#rest();
  }

  /** What the caller has not read yet is not read from the process either. */
  #holdUntilRead(): void {
    const child = this.#child;
    if (child === undefined) return;
    let calm = false;
    void this.#end.calm().then(
      () => {
        calm = true;
        child.resume();
      },
      () => child.resume(),
    );
    queueMicrotask(() => {
      if (!calm) child.hold();
    });
  }

  #ended(reason: string): void {
    const { home } = this.#options;
    this.#idleTimer?.[Symbol.dispose]();
    this.#idleSinceMs = undefined;
    const error = new ProtocolError("AGENT_CRASHED", `agent ${home.agent} ended during the call`);
    try {
      for (const id of this.#asked) this.#end.send(JSON.stringify(rpcFailure(id as string, error)));
    } catch {
      // Nobody reads any more.
    }
    this.#end.end();
    if (this.#dismissed) return;
    home.room.log.warn("child.crashed", `a session of agent ${home.agent}: ${reason}`, { agent: home.agent });
    // A caller can end its own process by what it asks; one that never said a word could not be started.
    if (this.#said === 0) home.crashes.note();
  }

  #busy(): void {
    this.#idleSinceMs = undefined;
    this.#idleTimer?.[Symbol.dispose]();
  }

  #rest(): void {
    if (this.#asked.size > 0 || this.#child?.alive !== true) return;
    const { clock } = this.#options.home.room;
    if (this.#dismissed) return void this.leave();
    this.#idleSinceMs = clock.monotonicMs();
    this.#idleTimer?.[Symbol.dispose]();
    this.#idleTimer = clock.timer(nodeLimits.childIdleMs, () => {
      if (this.#asked.size === 0) void this.leave();
    });
  }
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
