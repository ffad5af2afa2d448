/** Tells the network of this node's agents: signed records on gossip and to linked peers, their words in the DHT. */

import {
  canonicalBytes,
  isProtocolError,
  type JsonObject,
  type SealedMessage,
  messageOf,
} from "@gridmesh/protocol";
import type { Clock, Random } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Transport } from "../network/transport.ts";
import type { AgentRecord } from "./record.ts";
import { capabilityKey } from "./registry.ts";
import { withPrefixes } from "./words.ts";

/** What an agent says of itself. */
export interface Advertised {
  readonly name: string;
  readonly agentId: string;
  readonly words: readonly string[];
  readonly status: AgentRecord["status"];
}

export interface AdvertiserOptions {
  readonly network: string;
  readonly topic: string;
  readonly transport: Transport;
  readonly dht: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Agents that others may see. */
  readonly agents: () => readonly Advertised[];
  /** Signs a new record with the agent's next number. */
  readonly seal: (agent: Advertised) => SealedMessage;
  /** Tells linked peers of a change; never rejects. */
  readonly tellPeers: (record: SealedMessage) => Promise<void>;
}

export interface Advertiser {
  /** The agent's newest record, if it is told. */
  record(name: string): JsonObject | undefined;
  /** The newest record of each agent; of one that is gone while somebody may hold an older one. */
  records(): readonly SealedMessage[];
  /** Agents came, went or changed: tells of it, at most once in five seconds for each. */
  changed(): void;
  /** Tells that all agents are gone, and takes their words out of the DHT. */
  withdraw(): Promise<void>;
  /** Stops renewing. */
  stop(): void;
}

const SPREAD = 0.2;
const PROVIDE_MS = 5_000;

export function createAdvertiser(options: AdvertiserOptions): Advertiser {
  return new RecordAdvertiser(options);
}

interface Told {
  readonly agent: Advertised;
  readonly record: SealedMessage;
  readonly atMs: number;
}

class RecordAdvertiser implements Advertiser {
  readonly #options: AdvertiserOptions;
  readonly #told = new Map<string, Told>();
  readonly #provided = new Set<string>();
  readonly #links: Disposable;
  #renewal: Disposable | undefined;
  #later: Disposable | undefined;
  #providing: Disposable | undefined;
  #stopped = false;

  constructor(options: AdvertiserOptions) {
    this.#options = options;
    // Words can be provided once somebody is there to keep them.
    this.#links = options.transport.on("link", () => this.#provideSoon());
    this.#arm();
  }

  record(name: string): JsonObject | undefined {
    const told = this.#told.get(name);
    return told === undefined || told.agent.status === "gone" ? undefined : told.record;
  }

  records(): readonly SealedMessage[] {
    const keptMs = nodeLimits.recordValidS * 1_000;
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#told.values()]
      .filter(({ agent, atMs }) => agent.status !== "gone" || nowMs - atMs < keptMs)
      .map(({ record }) => record);
  }

  changed(): void {
    if (this.#stopped) return;
    const nowMs = this.#options.clock.monotonicMs();
    const agents = new Map(this.#options.agents().map((agent) => [agent.name, agent]));
    let waits = false;
    for (const agent of agents.values()) {
      const told = this.#told.get(agent.name);
      if (told !== undefined && sameWords(told.agent, agent)) continue;
      if (told !== undefined && nowMs - told.atMs < nodeLimits.advertiseApartMs) waits = true;
      else void this.#tell(agent);
    }
    for (const told of this.#told.values()) {
      // What is gone is told at once: nobody should call it any more.
      if (!agents.has(told.agent.name) && told.agent.status !== "gone")
        void this.#tell({ ...told.agent, status: "gone" });
    }
    if (waits) this.#later ??= this.#options.clock.timer(nodeLimits.advertiseApartMs, () => this.#again());
    this.#provideSoon();
  }

  async withdraw(): Promise<void> {
    const { transport, network } = this.#options;
    this.stop();
    const gone = [...this.#told.values()]
      .filter(({ agent }) => agent.status !== "gone")
      .map(({ agent }) => this.#tell({ ...agent, status: "gone" }));
    const words = [...this.#provided].map((word) => transport.withdraw(capabilityKey(network, word)));
    this.#provided.clear();
    await Promise.allSettled([...gone, ...words]);
  }

  stop(): void {
    this.#stopped = true;
    this.#links[Symbol.dispose]();
    this.#renewal?.[Symbol.dispose]();
    this.#later?.[Symbol.dispose]();
    this.#providing?.[Symbol.dispose]();
  }

  /** While links still come, each word would have to move again; and all at once they are a storm of queries. */
  #provideSoon(): void {
    if (this.#stopped) return;
    this.#providing ??= this.#options.clock.timer(
      nodeLimits.provideSettleMs + this.#options.random.below(nodeLimits.provideSettleMs),
      () => {
        this.#providing = undefined;
        void this.#provide();
      },
    );
  }

  #again(): void {
    this.#later = undefined;
    this.changed();
  }

  #arm(): void {
    const spreadMs = nodeLimits.advertiseMs * SPREAD;
    const waitMs =
      nodeLimits.advertiseMs - spreadMs + this.#options.random.below(Math.floor(2 * spreadMs) + 1);
    this.#renewal = this.#options.clock.timer(waitMs, () => {
      for (const agent of this.#options.agents()) void this.#renew(agent);
      this.#arm();
    });
  }

  async #tell(agent: Advertised): Promise<void> {
    try {
      const record = this.#seal(agent);
      await Promise.all([this.#options.tellPeers(record), this.#publish(record)]);
    } catch (error) {
      this.#untold(agent, error);
    }
  }

  async #renew(agent: Advertised): Promise<void> {
    try {
      await this.#publish(this.#seal(agent));
    } catch (error) {
      this.#untold(agent, error);
    }
  }

  /** A record's number is written before it is used: with a full disk there is none, and the next renewal tries again. */
  #untold(agent: Advertised, error: unknown): void {
    const why = messageOf(error);
    this.#options.log.warn("registry.untold", `${agent.name} cannot be advertised: ${why}`, {
      agent: agent.name,
    });
  }

  #seal(agent: Advertised): SealedMessage {
    const record = this.#options.seal(agent);
    this.#told.set(agent.name, { agent, record, atMs: this.#options.clock.monotonicMs() });
    return record;
  }

  async #publish(record: JsonObject): Promise<void> {
    const { transport, topic, log } = this.#options;
    try {
      await transport.publish(topic, canonicalBytes(record));
    } catch (error) {
      // Who is not reached by gossip fetches the record instead.
      log.debug("registry.publish", messageOf(error));
    }
  }

  async #provide(): Promise<void> {
    const { transport, network, log, dht } = this.#options;
    if (!dht || this.#stopped || transport.links().length === 0) return;
    const words = new Set(this.#options.agents().flatMap((agent) => agent.words.flatMap(withPrefixes)));
    for (const word of words) {
      if (this.#provided.has(word)) continue;
      this.#provided.add(word);
      try {
        await transport.provide(capabilityKey(network, word), { timeoutMs: PROVIDE_MS });
      } catch (error) {
        // The next link tries again.
        this.#provided.delete(word);
        if (!isProtocolError(error)) throw error;
        log.debug("registry.provide", error.message, { word, code: error.code });
        return;
      }
    }
    for (const word of [...this.#provided].filter((one) => !words.has(one))) {
      this.#provided.delete(word);
      await transport.withdraw(capabilityKey(network, word));
    }
  }
}

function sameWords(one: Advertised, other: Advertised): boolean {
  return (
    one.status === other.status &&
    one.agentId === other.agentId &&
    one.words.join(" ") === other.words.join(" ")
  );
}
