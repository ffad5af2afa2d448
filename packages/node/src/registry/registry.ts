/** The distributed registry: own agents, records heard, and the DHT as a pointer to who may know more. */

import { createHash } from "node:crypto";
import {
  canonicalBytes,
  type ErrorCode,
  type JsonObject,
  type JsonValue,
  parseCanonical,
  ProtocolError,
  toProtocolError,
} from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { PeerHint, Transport } from "../network/transport.ts";
import type { MethodCall } from "../route/forward.ts";
import { isObject } from "../route/rpc-lines.ts";
import { answers } from "../words.ts";
import { createAbsentMemory } from "./absent.ts";
import type { RecordCache } from "./cache.ts";
import type { Equivocations } from "./equivocations.ts";
import { findRows, readQuery } from "./find.ts";
import { askProviders } from "./providers.ts";
import { type AgentRecord, hashOf } from "./record.ts";
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
   * @throws as `RecordCache.take`; of two contents of one number the proof is kept.
   */
  take(record: AgentRecord, confirmed: boolean): void;
  /** Asks a peer for the records of its agents. @throws the call's codes. */
  fetch(peerId: string, wait: FetchWait): Promise<void>;
  /** Gives a peer just greeted time to tell of its agents by itself: true when it told of all that were known, and of one at least. */
  toldBy(peerId: string, signal: AbortSignal): Promise<boolean>;
  /** Agents that answer one of the words, own first; gone ones left out. */
  answering(words: readonly string[]): readonly AgentRow[];
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

/** Words: those somebody looks for; a single one is all that is asked for. */
type FetchWait = Wait & { readonly words?: readonly string[] | undefined };

/** How often a look-up that found nothing yet looks whether the node still meets its first peers. */
const SETTLING_TURN_MS = 100;
/** So many linked peers are asked whether they can name a provider. */
const LINKED_ASKED = 4;
/** An introduction takes another way than the answer, and may come later. */
const NAMED_MS = 250;
/** So many records of an answer are verified before others have their turn. */
const VERIFIED_AT_ONCE = 16;

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
  #fetching = 0;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#absent = createAbsentMemory(options.clock);
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
    this.#listeners.add(fn);
    return { [Symbol.dispose]: () => this.#listeners.delete(fn) };
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

  take(record: AgentRecord, confirmed: boolean): void {
    const { cache, peerId, equivocations } = this.#options;
    if (record.nodeId === peerId) return;
    try {
      const isNews = cache.take(record, confirmed);
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

  /** Turns at which more may be known: while the first peers are met, then as providers from the DHT answer. */
  async *#ask(words: readonly string[], signal: AbortSignal, isEmpty: () => boolean): AsyncGenerator<void> {
    const { clock, dht, settling, log, notice, remembered, transport } = this.#options;
    while (isEmpty() && (this.#fetching > 0 || settling()) && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      using _turn = clock.timer(SETTLING_TURN_MS, resolve);
      await promise;
      this.#waiting.delete(resolve);
      yield;
    }
    const search = {
      log,
      notice,
      isKnown: (peerId: string, word: string) => this.#needNotAsk(peerId, word),
      fetch: (peerId: string, wait: Wait) => this.fetch(peerId, { ...wait, words }),
    };
    const { onNamed } = this.#options;
    const named = onNamed === undefined ? {} : { onNamed };
    const links = isEmpty() ? transport.links().slice(0, LINKED_ASKED) : [];
    const linked = links.map(({ peerId }) => ({ peerId, addresses: [] }));
    const all = (word: string, wait: Wait) => this.#providers(linked, word, wait);
    if (dht || linked.length > 0) yield* askProviders({ ...search, ...named, providers: all }, words, signal);
    if (!isEmpty() || remembered === undefined || signal.aborted) return;
    const before = async function* (word: string) {
      for (const peerId of remembered(word)) yield { peerId, addresses: [] };
    };
    yield* askProviders({ ...search, providers: before }, words, signal);
  }

  /** Who is linked has told of its own agents, but may name others at once; then the DHT, which takes its time. */
  async *#providers(linked: readonly PeerHint[], word: string, wait: Wait): AsyncGenerator<PeerHint> {
    const { transport, network, dht, clock } = this.#options;
    const startMs = clock.monotonicMs();
    yield* linked;
    if (dht) yield* transport.providers(capabilityKey(network, word), wait);
    const leftMs = NAMED_MS - (clock.monotonicMs() - startMs);
    if (linked.length > 0 && leftMs > 0) await clock.sleep(leftMs, wait.signal);
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
    this.#fetching += 1;
    const heldMs = nodeLimits.greetHeldMs;
    try {
      await clock.sleep(heldMs, signal);
    } finally {
      this.#fetching -= 1;
      this.stir();
    }
    await clock.sleep(nodeLimits.greetToldMs - heldMs, signal);
    if (this.#told.get(peerId) === told) this.#told.delete(peerId);
    return told.size > 0 && cache.agentsOf(peerId).every((agentId) => told.has(agentId));
  }

  async fetch(peerId: string, wait: FetchWait): Promise<void> {
    const { clock, log } = this.#options;
    const askedMs = clock.nowMs();
    const told = recordsIn(await this.#askPeer(peerId, wait));
    const present = new Map<string, readonly string[]>();
    for (const [at, message] of told.entries()) {
      // A full answer takes as long to verify as a thousand calls.
      if (at % VERIFIED_AT_ONCE === VERIFIED_AT_ONCE - 1)
        await new Promise((resolve) => setImmediate(resolve));
      try {
        const record = this.#proven(message);
        if (record.nodeId !== peerId) throw new ProtocolError("RECORD_INVALID", "a record of another node");
        present.set(record.agentId, record.words);
        this.take(record, true);
      } catch (error) {
        const { code } = toProtocolError(error, "RECORD_INVALID");
        if (code === "RECORD_OUTDATED") continue;
        log.debug("registry.refused", code, { peer: peerId, code });
        this.#options.offence(peerId, code);
      }
    }
    this.#noteAbsent({ peerId, words: wait.words, askedMs, present });
  }

  async #askPeer(peerId: string, { words = [], ...limits }: FetchWait): Promise<JsonValue> {
    const [capability] = words;
    const params = {
      signed: true,
      ...(words.length === 1 && capability !== undefined ? { capability } : {}),
    };
    this.#fetching += 1;
    try {
      const method = `${peerId}:node/list_agents`;
      return await this.#options.call(peerId, { method, params }, limits);
    } finally {
      this.#fetching -= 1;
      // When what was fetched has been read.
      if (this.#waiting.size > 0) setImmediate(() => this.stir());
    }
  }

  /** Told on the control stream or by gossip a moment ago: what was proven once need not be again. */
  #proven(message: JsonObject): AgentRecord {
    const { cache, open, banned } = this.#options;
    const bytes = canonicalBytes(message);
    const { agent_id: agentId } = message;
    const known = typeof agentId === "string" ? cache.record(agentId) : undefined;
    const record = known !== undefined && known.hash === hashOf(bytes) ? known : open(bytes);
    if (banned(record.agentId)) throw new ProtocolError("PEER_BANNED", "the agent's key is banned");
    return record;
  }

  /** What an answer did not name is not there: words nobody answers, agents that should have been among them. */
  #noteAbsent(asked: {
    readonly peerId: string;
    readonly words: readonly string[] | undefined;
    readonly askedMs: number;
    readonly present: ReadonlyMap<string, readonly string[]>;
  }): void {
    const { peerId, words = [], askedMs, present } = asked;
    for (const word of words) {
      if (![...present.values()].some((one) => answers(one, word))) this.#absent.note(peerId, word);
    }
    const [only] = words;
    const complete = words.length === 1 && only !== undefined ? only : undefined;
    if (this.#options.cache.onlyThese({ nodeId: peerId, word: complete, present, askedMs })) this.touch();
  }
}

function recordsIn(answer: JsonValue): readonly JsonObject[] {
  if (!isObject(answer) || !Array.isArray(answer["agents"])) return [];
  return (answer["agents"] as readonly JsonValue[])
    .slice(0, nodeLimits.recordsPerNode)
    .flatMap((row) => (isObject(row) && isObject(row["record"]) ? [row["record"]] : []));
}
