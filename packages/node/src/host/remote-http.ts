/** An MCP agent at an HTTP address as an agent of this node. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Access, AgentDefinition } from "../agent.ts";
import type { Clock } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { AgentChannel, ChannelContext } from "../route/channel.ts";
import type { HostedAgent } from "./in-process.ts";
import { Subscriptions } from "./mcp-subscriptions.ts";
import { OutsideAgent, type OutsideBack, type SharedTalk } from "./outside-agent.ts";
import { greet, greetOlder, type Greeting } from "./outside-greeting.ts";
import { HttpLines, type HttpLinesOptions } from "./remote-http-lines.ts";
import { RemoteSession } from "./remote-http-session.ts";
import { SharedLines } from "./shared-lines.ts";
import { httpUrl } from "./ssrf.ts";
import { checkWords } from "./stdio-child-spec.ts";

/** An MCP server at another address, over Streamable HTTP. */
export interface RemoteDefinition {
  readonly url: string;
  /** The node's own credentials there; callers' are never passed on. */
  readonly headers?: (() => Promise<Readonly<Record<string, string>>>) | undefined;
  /** Searchable words; none by default. */
  readonly capabilities?: readonly string[] | undefined;
  readonly policy?: AgentDefinition["policy"];
}

export interface RemoteHostOptions {
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly definition: RemoteDefinition;
  readonly clock: Clock;
  readonly log: Log;
  /** Judges each address it connects to. */
  readonly fetch: typeof fetch;
}

/** Does it name an address, whatever else may be wrong with it? */
export function isRemoteDefinition(definition: object): definition is RemoteDefinition {
  return "url" in definition;
}

/** @throws INVALID_PARAMS. */
export function hostRemote(options: RemoteHostOptions): HostedAgent {
  const { name, agentId, access, definition } = options;
  const { capabilities, policy } = definition;
  try {
    httpUrl(definition.url);
  } catch (error) {
    throw new ProtocolError("INVALID_PARAMS", `agent ${name}: url is an http(s) address`, { cause: error });
  }
  checkWords(name, capabilities ?? []);
  return new OutsideAgent(
    { kind: "url", name, agentId, access, capabilities, policy },
    () => new Remote(options),
  );
}

interface Talk extends SharedTalk {
  readonly http: HttpLines;
}

/** Nothing is known of it any more: what it speaks is asked anew. */
const FOR_EVER = { signal: new AbortController().signal };

class Remote implements OutsideBack {
  readonly #options: RemoteHostOptions;
  readonly #sessions = new Set<RemoteSession>();
  #talk: Promise<Talk> | undefined;
  #verdict: { readonly greeting: Greeting; readonly atMs: number } | undefined;
  #asking: Promise<Greeting> | undefined;

  constructor(options: RemoteHostOptions) {
    this.#options = options;
  }

  shared({ signal }: ChannelContext): Promise<SharedTalk> {
    if (this.#talk !== undefined && this.#known() === undefined) this.#drop(this.#talk);
    if (this.#talk === undefined) {
      const talk: Promise<Talk> = this.#begin(() => this.#forget(talk));
      this.#talk = talk;
      talk.catch(() => this.#forget(talk));
    }
    return until(this.#talk, signal);
  }

  older(known: Greeting, { signal }: ChannelContext): Promise<Greeting> {
    this.#asking ??= this.#askOlder(known).finally(() => {
      this.#asking = undefined;
    });
    return until(this.#asking, signal);
  }

  session({ era, versions }: Greeting, { signal }: ChannelContext): Promise<AgentChannel> {
    if (this.#sessions.size >= nodeLimits.remoteSessions) {
      throw new ProtocolError(
        "QUOTA_EXCEEDED",
        `agent ${this.#options.name} has no room for another session`,
      );
    }
    const session = new RemoteSession({
      http: (hooks) => this.#http(hooks),
      clock: this.#options.clock,
      era,
      versions,
      signal,
      onGone: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
    return Promise.resolve(session.channel);
  }

  checkFailed(): void {
    // What is out of reach may come back: it never fails for good.
  }

  async drain(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.drain()));
  }

  async close(): Promise<void> {
    const talk = this.#talk;
    this.#talk = undefined;
    const ended = talk?.then(
      ({ http, lines }) => {
        lines.fail(new ProtocolError("AGENT_UNAVAILABLE", `agent ${this.#options.name} is being stopped`));
        return http.close();
      },
      () => undefined,
    );
    await Promise.all([ended, ...[...this.#sessions].map((session) => session.close())]);
  }

  /** What was found out of it, unless that is too long ago. */
  #known(): Greeting | undefined {
    const verdict = this.#verdict;
    if (verdict === undefined) return undefined;
    if (this.#options.clock.nowMs() - verdict.atMs < nodeLimits.remoteVerdictMs) return verdict.greeting;
    this.#verdict = undefined;
    return undefined;
  }

  async #begin(onLost: () => void): Promise<Talk> {
    const { clock, name } = this.#options;
    const { http, lines } = this.#conversation(onLost);
    using limit = startDeadline(clock, {}, nodeLimits.childStartMs);
    try {
      const greeting = await greet(lines, { clock, signal: limit.signal, known: this.#known() });
      this.#verdict ??= { greeting, atMs: clock.nowMs() };
      const subscriptions = new Subscriptions((method, params) => lines.request(method, params, FOR_EVER));
      return { http, lines, greeting, subscriptions };
    } catch (error) {
      void http.close();
      throw new ProtocolError("AGENT_UNAVAILABLE", `agent ${name} is out of reach`, { cause: error });
    }
  }

  async #askOlder(known: Greeting): Promise<Greeting> {
    const { http, lines } = this.#conversation(() => undefined);
    using limit = startDeadline(this.#options.clock, {}, nodeLimits.childStartMs);
    try {
      const greeting = await greetOlder(lines, known, limit.signal);
      this.#verdict = { greeting, atMs: this.#options.clock.nowMs() };
      const talk = await this.#talk;
      if (talk !== undefined) this.#talk = Promise.resolve({ ...talk, greeting });
      return greeting;
    } finally {
      void http.close();
    }
  }

  #conversation(onLost: () => void): { readonly http: HttpLines; readonly lines: SharedLines } {
    const heard: { lines?: SharedLines } = {};
    const http = this.#http({
      onLine: (text, message) => heard.lines?.receive(text, message),
      onLost: () => {
        onLost();
        heard.lines?.fail(new ProtocolError("AGENT_UNAVAILABLE", "the session over there has ended"));
      },
    });
    const lines = new SharedLines({ upstream: http, onIdle: () => undefined });
    heard.lines = lines;
    return { http, lines };
  }

  #http(hooks: Pick<HttpLinesOptions, "onLine" | "onLost">): HttpLines {
    const { definition, fetch, log, name, clock } = this.#options;
    const { url, headers = () => Promise.resolve({}) } = definition;
    return new HttpLines({ url, headers, fetch, clock, log: log.child(name), ...hooks });
  }

  #forget(talk: Promise<Talk>): void {
    if (this.#talk === talk) this.#talk = undefined;
  }

  /** Nobody new comes to it; who is there still is answered. */
  #drop(talk: Promise<Talk>): void {
    this.#talk = undefined;
    void talk.then(
      ({ http, lines }) => (lines.busy === 0 ? http.close() : undefined),
      () => undefined,
    );
  }
}
