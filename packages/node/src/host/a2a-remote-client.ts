/** An A2A agent at somebody else's address: its card, and a caller of A2A's SDK that its card leads to. */

import type { AgentCard } from "@a2a-js/sdk";
import type { Client } from "@a2a-js/sdk/client";
import { messageOf, ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { guardedFetch } from "./ssrf-fetch.ts";

/** Headers, or where they come from each time. */
export type Credentials = Headings | (() => Promise<Headings>);

type Headings = Readonly<Record<string, string>>;

export interface RemoteA2aOptions {
  /** Of its card. */
  readonly url: string;
  /** Sent to the card's own origin, e.g. `authorization`; a caller's own are never passed on. */
  readonly headers?: Credentials | undefined;
  /** For the address that the operator wrote. */
  readonly fetch: typeof fetch;
  /** For addresses that the card tells; default such that reach the open internet alone. */
  readonly learnedFetch?: typeof fetch | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RemoteA2a {
  readonly card: AgentCard;
  readonly client: Client;
}

/** A card is read anew after this. */
const CARD_MS = 300_000;

export class RemoteA2aCaller {
  readonly #options: RemoteA2aOptions;
  #kept: { readonly atMs: number; readonly remote: Promise<RemoteA2a> } | undefined;

  constructor(options: RemoteA2aOptions) {
    this.#options = options;
  }

  /** @throws AGENT_UNAVAILABLE. */
  reach(): Promise<RemoteA2a> {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#kept !== undefined && nowMs - this.#kept.atMs < CARD_MS) return this.#kept.remote;
    const remote = this.#connect();
    this.#kept = { atMs: nowMs, remote };
    remote.catch(() => this.forget());
    return remote;
  }

  /** The next request reads the card anew. */
  forget(): void {
    this.#kept = undefined;
  }

  /** Tells the operator. */
  failed(error: unknown): void {
    this.#options.log.warn("remote.failed", messageOf(error));
  }

  async #connect(): Promise<RemoteA2a> {
    const { url } = this.#options;
    const [{ AgentCard: codec }, sdk] = await Promise.all([
      import("@a2a-js/sdk"),
      import("@a2a-js/sdk/client"),
    ]);
    const { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } = sdk;
    const options = { fetchImpl: this.#fetch(), legacyCompat: { enabled: true } };
    try {
      // As it comes, a card may lack what an empty one has.
      const card = codec.fromJSON(await new DefaultAgentCardResolver(options).resolve(url, ""));
      const transports = [new JsonRpcTransportFactory(options), new RestTransportFactory(options)];
      return { card, client: await new ClientFactory({ transports }).createFromAgentCard(card) };
    } catch (error) {
      // Where it is and why it fails is the operator's affair.
      this.failed(error);
      throw new ProtocolError("AGENT_UNAVAILABLE", "the agent is out of reach", { cause: error });
    }
  }

  /** A card may name any address: what is not the operator's own gets no credentials and reaches nothing inside. */
  #fetch(): typeof fetch {
    const { url, headers, fetch: own, learnedFetch = guardedFetch({ from: "learned" }) } = this.#options;
    const { origin } = new URL(url);
    return async (to, init) => {
      const request = new Request(to, init);
      if (new URL(request.url).origin !== origin) return learnedFetch(request);
      const shown = typeof headers === "function" ? await headers() : (headers ?? {});
      for (const [name, value] of Object.entries(shown)) request.headers.set(name, value);
      return own(request);
    };
  }
}
