/** Tells the network of this node's agents: signed records on gossip and to linked peers. */

import {
  canonicalBytes,
  canonicalize,
  type JsonObject,
  messageOf,
  type SealedMessage,
} from "@gridmesh/protocol";
import type { Clock, Random } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Transport } from "../network/transport.ts";
import type { Claims } from "../claims.ts";
import type { WordProvider } from "./provide.ts";
import type { AgentRecord } from "./record.ts";

/** What an agent says of itself. */
export interface Advertised {
  readonly name: string;
  readonly agentId: string;
  readonly words: readonly string[];
  readonly status: AgentRecord["status"];
  readonly claims?: Claims | undefined;
  /** What it says under its words. */
  readonly under?: JsonObject | undefined;
}

export interface AdvertiserOptions {
  readonly topic: string;
  readonly transport: Pick<Transport, "publish">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Agents that others may see. */
  readonly agents: () => readonly Advertised[];
  /** Signs a new record with the agent's next number. */
  readonly seal: (agent: Advertised, validS: number) => SealedMessage;
  /** Tells linked peers of a change; never rejects. */
  readonly tellPeers: (record: SealedMessage) => Promise<void>;
  readonly words: WordProvider;
  /** Records known of the whole network. */
  readonly known: () => number;
}

export interface Advertiser {
  /** The agent's newest record, if it is told. */
  record(name: string): JsonObject | undefined;
  /** The newest record of each agent; of one that is gone while somebody may hold an older one. */
  records(): readonly SealedMessage[];
  /** Agents came, went or changed: tells of it, at most once in five seconds for each. */
  changed(): void;
  /** Says all of it anew, to whoever was not there yet. */
  repeat(): void;
  /** Tells that all agents are gone, and takes their words out of the DHT. */
  withdraw(): Promise<void>;
  /** Stops renewing. */
  stop(): void;
}

const SPREAD = 0.2;

/** Above 1,200 records in the network each is told more seldom: together they stay below twenty a second. */
export function renewalMs(known: number): number {
  return Math.max(nodeLimits.advertiseMs, (known / nodeLimits.renewalsPerSecond) * 1_000);
}

/** Three intervals, so that two lost renewals make nobody disappear. */
export function recordValidS(known: number): number {
  const validS = Math.ceil((3 * renewalMs(known)) / 1_000);
  return Math.min(validS, nodeLimits.recordValidMaxS);
}

export function createAdvertiser(options: AdvertiserOptions): Advertiser {
  return new RecordAdvertiser(options);
}

interface Told {
  readonly agent: Advertised;
  /** What was said, to see a change. */
  readonly said: string;
  readonly record: SealedMessage;
  readonly atMs: number;
}

class RecordAdvertiser implements Advertiser {
  readonly #options: AdvertiserOptions;
  readonly #told = new Map<string, Told>();
  #renewal: Disposable | undefined;
  #later: Disposable | undefined;
  #stopped = false;

  constructor(options: AdvertiserOptions) {
    this.#options = options;
    this.#arm();
  }

  record(name: string): JsonObject | undefined {
    const told = this.#told.get(name);
    return told === undefined || told.agent.status === "gone" ? undefined : told.record;
  }

  records(): readonly SealedMessage[] {
    const keptMs = recordValidS(this.#options.known()) * 1_000;
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
      if (told !== undefined && told.said === saying(agent)) continue;
      if (told !== undefined && nowMs - told.atMs < nodeLimits.advertiseApartMs) waits = true;
      else void this.#tell(agent);
    }
    for (const told of this.#told.values()) {
      // What is gone is told at once: nobody should call it any more.
      if (!agents.has(told.agent.name) && told.agent.status !== "gone")
        void this.#tell({ ...told.agent, status: "gone" });
    }
    if (waits) this.#later ??= this.#options.clock.timer(nodeLimits.advertiseApartMs, () => this.#again());
    this.#options.words.changed();
  }

  repeat(): void {
    if (this.#stopped) return;
    for (const agent of this.#options.agents()) void this.#renew(agent);
  }

  async withdraw(): Promise<void> {
    this.stop();
    const gone = [...this.#told.values()]
      .filter(({ agent }) => agent.status !== "gone")
      .map(({ agent }) => this.#tell({ ...agent, status: "gone" }));
    await Promise.allSettled([...gone, this.#options.words.withdraw()]);
  }

  stop(): void {
    this.#stopped = true;
    this.#options.words.stop();
    this.#renewal?.[Symbol.dispose]();
    this.#later?.[Symbol.dispose]();
  }

  #again(): void {
    this.#later = undefined;
    this.changed();
  }

  #arm(): void {
    const everyMs = renewalMs(this.#options.known());
    const spreadMs = everyMs * SPREAD;
    const waitMs = everyMs - spreadMs + this.#options.random.below(Math.floor(2 * spreadMs) + 1);
    this.#renewal = this.#options.clock.timer(waitMs, () => {
      this.repeat();
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
      const record = this.#seal(agent);
      // Without a mesh those who are linked would lose it at the end of its life.
      if ((await this.#publish(record)) === 0) await this.#options.tellPeers(record);
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
    const { seal, known, clock } = this.#options;
    const record = seal(agent, recordValidS(known()));
    this.#told.set(agent.name, { agent, said: saying(agent), record, atMs: clock.monotonicMs() });
    return record;
  }

  /** How many were told. */
  async #publish(record: JsonObject): Promise<number> {
    const { transport, topic, log } = this.#options;
    try {
      return (await transport.publish(topic, canonicalBytes(record))).recipients;
    } catch (error) {
      // Who is not reached by gossip fetches the record instead.
      log.debug("registry.publish", messageOf(error));
      return 0;
    }
  }
}

function saying({ agentId, status, words, claims, under }: Advertised): string {
  return canonicalize({ agentId, status, words: [...words], claims: claims ?? {}, under: under ?? {} });
}
