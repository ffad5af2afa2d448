/** An A2A agent at somebody else's address: its card, and a caller of A2A's SDK that its card leads to. */

import type { AgentCard } from "@a2a-js/sdk";
import type { Client } from "@a2a-js/sdk/client";
import { messageOf, ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";

export interface RemoteA2aOptions {
  /** Of its card. */
  readonly url: string;
  /** Sent with each request, e.g. `authorization`; a caller's own are never passed on. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Judges each address it connects to. */
  readonly fetch: typeof fetch;
  readonly clock: Clock;
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

  async #connect(): Promise<RemoteA2a> {
    const { url, headers = {}, fetch: fetched } = this.#options;
    const [{ AgentCard: codec }, sdk] = await Promise.all([
      import("@a2a-js/sdk"),
      import("@a2a-js/sdk/client"),
    ]);
    const { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } = sdk;
    const fetchImpl: typeof fetch = (to, init) =>
      fetched(to, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), ...headers } });
    const options = { fetchImpl, legacyCompat: { enabled: true } };
    try {
      // As it comes, a card may lack what an empty one has.
      const card = codec.fromJSON(await new DefaultAgentCardResolver(options).resolve(url, ""));
      const transports = [new JsonRpcTransportFactory(options), new RestTransportFactory(options)];
      return { card, client: await new ClientFactory({ transports }).createFromAgentCard(card) };
    } catch (error) {
      throw new ProtocolError("AGENT_UNAVAILABLE", `no A2A agent by its card: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}
