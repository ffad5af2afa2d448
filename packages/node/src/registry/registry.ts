/** The distributed registry: own agents, records heard, and the DHT as a pointer to who may know more. */

import { createHash } from "node:crypto";
import {
  type ErrorCode,
  type JsonObject,
  type JsonValue,
  parseCanonical,
  ProtocolError,
} from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { PeerHint, Transport } from "../network/transport.ts";
import type { MethodCall } from "../route/forward.ts";
import { answers } from "../words.ts";
import { createAbsentMemory } from "./absent.ts";
import type { RecordCache } from "./cache.ts";
import type { Equivocations } from "./equivocations.ts";
import { type FetchWait, RecordFetcher } from "./fetch.ts";
import { findRows, readQuery } from "./find.ts";
import { type AnsweredMemory, createAnsweredMemory } from "./linked.ts";
import { createOthers, type TellOthers } from "./others.ts";
import { askProviders, type ProviderSearch } from "./providers.ts";
import type { AgentRecord } from "./record.ts";
import type { AgentRow, Registry, RegistryQuery } from "./types.ts";

export interface RegistryOptions {
  readonly network: string;
  readonly peerId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly transport: Transport;
  readonly dht: boolean;
  readonly cache: RecordCache;
  readonly equivocations: Equivocations;
  /** Agents of this node, in order of registration. */
  readonly own: () => readonly AgentRow[];
  /** Calls a method of another node. */
  readonly call: (peerId: string, call: MethodCall, wait: Wait) => Promise<JsonValue>;
  /** Linked peers whose hello is over. */
  readonly greeted: () => readonly string[];
  /** Where a linked peer says it is, signed by it, to be told to others; undefined where it is not known. */
  readonly peerRecord: (peerId: string) => string | undefined;
  /** What such a record of another node says. @throws RECORD_INVALID. */
  readonly openPeerRecord: (text: string) => Promise<PeerHint>;
  /** Is the node still meeting its first peers, so that silence proves nothing? */
  readonly settling: () => boolean;
  /** Verifies a record as it came. @throws RECORD_INVALID and the codes of the ladder. */
  readonly open: (bytes: Uint8Array) => AgentRecord;
  /** Is nobody to listen to this peer or agent? */
  readonly banned: (subject: string) => boolean;
  /** Counts what a peer told as its own agent's record against it. */
  readonly offence: (peerId: string, code: ErrorCode) => void;
  /** Of two that match alike the lower is named first. */
  readonly cost: (row: AgentRow) => number;
  /** Told where a provider may be reached. */
  readonly notice: (hint: PeerHint) => void;
  /** Told of providers that peers name. */
  readonly onNamed?: (fn: (hint: PeerHint, word: string) => void) => Disposable;
  /** Nodes that may have a word though nobody says so now: remembered from before a restart. */
  readonly remembered?: (word: string) => readonly string[];
  /** Told of each query that ended: its scope and seconds. */
  readonly onLookUp?: (scope: "local" | "known" | "network", seconds: number) => void;
}

export interface DistributedRegistry extends Registry {
  /**
   * Takes a verified record and tells listeners.
   * @param confirmed - told by the very node it names
   * @param heardMs - wall ms of the proof that it was there; default now
   * @throws as `RecordCache.take`; of two contents of one number the proof is kept.
   */
  take(record: AgentRecord, confirmed: boolean, heardMs?: number): void;
  /** Asks a peer for the records of its agents. @throws the call's codes. */
  fetch(peerId: string, wait: FetchWait): Promise<void>;
  /** Gives a peer just greeted time to tell of its agents by itself: true when it told of all that were known, and of one at least. */
  toldBy(peerId: string, signal: AbortSignal): Promise<boolean>;
  /** Agents that answer one of the words, own first; gone ones left out. */
  answering(words: readonly string[]): readonly AgentRow[];
  /** What a peer that looks for a word is told of other nodes' agents. */
  readonly others: TellOthers;
  /** The newest record of another node's agent, as it was signed. */
  record(agentId: string): AgentRecord | undefined;
  /** The same as JSON. */
  message(agentId: string): JsonObject | undefined;
  /** Its own node said that it has no such agent. */
  absent(agentId: string): void;
  /** Tells listeners that own agents changed. */
  touch(): void;
  /** Queries that wait for first peers look again. */
  stir(): void;
  readonly size: number;
}

/** Where the DHT keeps who offers a word. */
export function capabilityKey(network: string, word: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(`gridmesh/${network}/cap/1\n${word}`).digest());
}

export function createRegistry(options: RegistryOptions): DistributedRegistry {
  return new NodeRegistry(options);
}

class NodeRegistry implements DistributedRegistry {
  readonly #options: RegistryOptions;
  readonly #listeners = new Set<() => void>();
  readonly #waiting = new Set<() => void>();
  readonly #absent;
  /** Agents that peers told of since they were greeted. */
  readonly #told = new Map<string, Set<string>>();
  /** Greeted peers that are given time to tell. */
  #holding = 0;
  readonly #answered: AnsweredMemory;
  readonly #fetcher: RecordFetcher;
  readonly others: TellOthers;

  constructor(options: RegistryOptions) {
    this.#options = options;
    const { clock } = options;
    this.#absent = createAbsentMemory(clock);
    this.#answered = createAnsweredMemory(clock);
    this.others = createOthers({ ...options, linked: options.greeted });
    this.#fetcher = new RecordFetcher({
      ...options,
      absent: this.#absent,
      take: (...told) => this.take(...told),
      onGone: () => this.touch(),
      onEnd: () => this.#fetched(),
    });
  }

  get size(): number {
    return this.#options.cache.size;
  }

  touch(): void {
    for (const fn of this.#listeners) fn();
    this.stir();
  }

  stir(): void {
    for (const fn of this.#waiting) fn();
  }

  onChange(fn: () => void): Disposable {
    return listenIn(this.#listeners, fn);
  }

  known(): readonly AgentRow[] {
    return [...this.#options.own(), ...this.#options.cache.rows()];
  }

  byId(agentId: string): AgentRow | undefined {
    const { own, cache } = this.#options;
    return own().find((row) => row.agentId === agentId) ?? cache.byId(agentId);
  }

  answering(words: readonly string[]): readonly AgentRow[] {
    const { own, cache } = this.#options;
    const mine = own().filter((row) => words.some((word) => answers(row.capabilities, word)));
    return [...mine, ...cache.answering(words)];
  }

  record(agentId: string): AgentRecord | undefined {
    return this.#options.cache.record(agentId);
  }

  message(agentId: string): JsonObject | undefined {
    const bytes = this.record(agentId)?.bytes;
    return bytes === undefined ? undefined : (parseCanonical(bytes) as JsonObject);
  }

  absent(agentId: string): void {
    if (this.#options.cache.absent(agentId)) this.touch();
  }

  take(record: AgentRecord, confirmed: boolean, heardMs?: number): void {
    const { cache, peerId, equivocations } = this.#options;
    if (record.nodeId === peerId) return;
    try {
      const isNews = cache.take(record, confirmed, heardMs);
      if (confirmed) this.#told.get(record.nodeId)?.add(record.agentId);
      if (!isNews) return;
    } catch (error) {
      const known = cache.record(record.agentId);
      if (known !== undefined && error instanceof ProtocolError && error.code === "EQUIVOCATION") {
        equivocations.add(known, record, confirmed);
        cache.drop(record.agentId);
        this.touch();
      }
      throw error;
    }
    if (confirmed) this.#absent.forget(record.nodeId);
    this.touch();
  }

  async *find(query: RegistryQuery): AsyncGenerator<AgentRow> {
    const { clock, own, cache, cost, onLookUp } = this.#options;
    const read = readQuery(query);
    const startMs = clock.monotonicMs();
    const answering = (words: readonly string[]) => cache.answering(words);
    const ask = this.#ask.bind(this);
    try {
      yield* findRows({ clock, own, answering, cost, ask }, read, query);
    } finally {
      onLookUp?.(read.scope, (clock.monotonicMs() - startMs) / 1_000);
    }
  }

  /** Turns at which more may be known; after all were asked for nothing, those remembered from before a restart. */
  async *#ask(
    words: readonly string[],
    signal: AbortSignal,
    missing: () => readonly string[],
  ): AsyncGenerator<void> {
    const { clock, log, notice, remembered, settling, greeted, onNamed } = this.#options;
    const search: ProviderSearch = {
      clock,
      log,
      notice,
      settling,
      greeted,
      missing,
      answered: this.#answered,
      isTold: () => this.#holding === 0 && this.#fetcher.underWay === 0,
      isKnown: (peerId, word) => this.#needNotAsk(peerId, word),
      providers: this.#providers(),
      onNamed,
      onStir: (fn) => listenIn(this.#waiting, fn),
      fetch: (peerId, asked, wait) => this.#fetcher.fetch(peerId, { ...wait, words: asked }),
      askLinked: (peerId, word, wait) =>
        this.#fetcher.fetch(peerId, { ...wait, words: [word], others: true }),
    };
    yield* askProviders(search, words, signal);
    if (missing().length < words.length || remembered === undefined || signal.aborted) return;
    const before = async function* (word: string) {
      for (const peerId of remembered(word)) yield { peerId, addresses: [] };
    };
    const nobody = () => [];
    yield* askProviders(
      { ...search, greeted: nobody, settling: () => false, providers: before },
      words,
      signal,
    );
  }

  #providers(): ProviderSearch["providers"] {
    const { transport, network, dht } = this.#options;
    return dht ? (word, wait) => transport.providers(capabilityKey(network, word), wait) : undefined;
  }

  /** A linked peer tells of its agents by itself: what it told is as fresh as an answer. */
  #needNotAsk(peerId: string, word: string): boolean {
    const { peerId: own, banned, transport, cache } = this.#options;
    if (peerId === own || banned(peerId) || this.#absent.knows(peerId, word)) return true;
    if (!transport.links().some((link) => link.peerId === peerId)) return false;
    const told = cache.answering([word]);
    return told.some((row) => row.nodeId === peerId && row.confirmed && row.presence === "live");
  }

  async toldBy(peerId: string, signal: AbortSignal): Promise<boolean> {
    const { clock, cache } = this.#options;
    const told = new Set<string>();
    this.#told.set(peerId, told);
    // Whoever looks for an agent meanwhile waits as for an answer, but not as long as a busy peer may need.
    this.#holding += 1;
    const heldMs = nodeLimits.greetHeldMs;
    try {
      await clock.sleep(heldMs, signal);
    } finally {
      this.#holding -= 1;
      this.stir();
    }
    await clock.sleep(nodeLimits.greetToldMs - heldMs, signal);
    if (this.#told.get(peerId) === told) this.#told.delete(peerId);
    return told.size > 0 && cache.agentsOf(peerId).every((agentId) => told.has(agentId));
  }

  async fetch(peerId: string, wait: FetchWait): Promise<void> {
    await this.#fetcher.fetch(peerId, wait);
  }

  #fetched(): void {
    // When what was fetched has been read.
    if (this.#waiting.size > 0) setImmediate(() => this.stir());
  }
}

function listenIn<T>(listeners: Set<T>, fn: T): Disposable {
  listeners.add(fn);
  return { [Symbol.dispose]: () => listeners.delete(fn) };
}
