/**
 * Records heard of other nodes' agents: the newest of each, within bounds. Anybody can bind a key of his to a foreign
 * PeerId, so what only its signer says is hearsay: it has places of its own and makes way for what a node told itself.
 */

import { ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { type Presence, presenceOf } from "./presence.ts";
import type { AgentRecord } from "./record.ts";
import { RecordRoom } from "./record-room.ts";
import { answers } from "../words.ts";
import type { AgentRow } from "./types.ts";
import { WordIndex } from "./word-index.ts";

/** An agent as the cache keeps it. */
export interface Entry {
  readonly agentId: string;
  readonly words: readonly string[];
  readonly record: AgentRecord;
  readonly confirmed: boolean;
  readonly bytes: number;
  /** Wall ms of the last proof that it was there. */
  heardMs: number;
  absentMs: number | undefined;
  /** No older record of this agent may come back before this wall ms. */
  readonly keepMs: number;
  /** As it was told last, by presence. */
  readonly rows: Map<Presence, AgentRow>;
}

interface NodeAnswer {
  readonly nodeId: string;
  /** The word it was asked for; undefined when for all. */
  readonly word: string | undefined;
  /** By agent_id. */
  readonly present: { readonly has: (agentId: string) => boolean };
  /** Wall ms of the question. */
  readonly askedMs: number;
}

export interface RecordCache {
  /**
   * Takes a verified record; false when nothing is new.
   * @param confirmed - told by the very node it names
   * @param heardMs - wall ms of the proof that it was there; default now
   * @throws RECORD_EXPIRED, RECORD_OUTDATED, EQUIVOCATION, REGISTRY_FULL.
   */
  take(record: AgentRecord, confirmed?: boolean, heardMs?: number): boolean;
  /** The newest record of an agent. */
  record(agentId: string): AgentRecord | undefined;
  /** The node itself says that it has no such agent; true when that is news. Later records revive it. */
  absent(agentId: string): boolean;
  /** A node was asked and named these: its others, unless heard since, are absent; true when that is news. */
  onlyThese(answer: NodeAnswer): boolean;
  /** Forgets the agent. */
  drop(agentId: string): void;
  /** A link to this node was lost. */
  unlinked(nodeId: string): void;
  /** Gone ones left out. */
  rows(): readonly AgentRow[];
  /** Rows that answer a word, gone ones left out. */
  answering(words: readonly string[]): readonly AgentRow[];
  /** Live agents that answer a word, a few hundred at most: those these nodes told of themselves, then any. */
  live(word: string, nodes: readonly string[]): Iterable<AgentRow>;
  byId(agentId: string): AgentRow | undefined;
  /** Ids of a node's agents whose records are still valid. */
  agentsOf(nodeId: string): readonly string[];
  /** Every record that is still valid, to be written down. */
  records(): readonly AgentRecord[];
  readonly size: number;
  readonly confirmed: number;
  readonly bytes: number;
}

export interface RecordCacheOptions {
  readonly clock: Clock;
  /** Linked peers, and when a byte of each last came, wall ms. */
  readonly linksHeard: () => ReadonlyMap<string, number>;
}

export function createRecordCache(options: RecordCacheOptions): RecordCache {
  return new Records(options);
}

class Records implements RecordCache {
  readonly #options: RecordCacheOptions;
  readonly #room: RecordRoom;
  readonly #index = new WordIndex<Entry>();
  /** Wall ms at which a node's link was lost. */
  readonly #lost = new Map<string, number>();

  constructor(options: RecordCacheOptions) {
    this.#options = options;
    this.#room = new RecordRoom({
      onAdd: (entry) => this.#index.add(entry),
      onRemove: (entry) => this.#index.remove(entry),
      isOver: (entry, nowMs) => this.#isOver(entry, nowMs),
    });
  }

  get size(): number {
    return this.#room.entries.size;
  }

  get confirmed(): number {
    return this.size - this.#room.hearsay.size;
  }

  get bytes(): number {
    return this.#room.bytes;
  }

  take(record: AgentRecord, confirmed = false, heardMs?: number): boolean {
    const nowMs = this.#options.clock.nowMs();
    if (record.validUntil * 1_000 <= nowMs) {
      throw new ProtocolError("RECORD_EXPIRED", `the record of ${record.name} has expired`);
    }
    const known = this.#room.entries.get(record.agentId);
    if (known !== undefined && !isNewer(record, known.record)) {
      if (confirmed && known.confirmed) return this.#hear(known, nowMs);
      if (!confirmed) return false;
    }
    // What a node told once its agent may renew over gossip.
    const renewed = known?.confirmed && known.record.nodeId === record.nodeId;
    const as = { confirmed: confirmed || renewed === true, known, heardMs: heardMs ?? nowMs };
    this.#room.put(entryOf(record, as), nowMs);
    return true;
  }

  /** Told again by its own node: it lives, though nothing in its record is new. */
  #hear(entry: Entry, nowMs: number): boolean {
    const revived = entry.absentMs !== undefined;
    entry.heardMs = nowMs;
    entry.absentMs = undefined;
    return revived;
  }

  record(agentId: string): AgentRecord | undefined {
    return this.#room.entries.get(agentId)?.record;
  }

  absent(agentId: string): boolean {
    const entry = this.#room.entries.get(agentId);
    if (entry === undefined || entry.absentMs !== undefined) return false;
    entry.absentMs = this.#options.clock.nowMs();
    return true;
  }

  onlyThese({ nodeId, word, present, askedMs }: NodeAnswer): boolean {
    let news = false;
    for (const entry of this.#room.ofNode(nodeId)) {
      const asked = word === undefined || answers(entry.words, word);
      if (!asked || present.has(entry.agentId) || entry.heardMs >= askedMs) continue;
      if (this.absent(entry.agentId)) news = true;
    }
    return news;
  }

  drop(agentId: string): void {
    this.#room.remove(agentId);
  }

  unlinked(nodeId: string): void {
    if (this.#room.ofNode(nodeId).size === 0) return;
    this.#lost.delete(nodeId);
    this.#lost.set(nodeId, this.#options.clock.nowMs());
    const oldest = this.#lost.keys().next();
    if (this.#lost.size > LOST_KEPT && !oldest.done) this.#lost.delete(oldest.value);
  }

  rows(): readonly AgentRow[] {
    return this.#present(this.#room.entries.values());
  }

  answering(words: readonly string[]): readonly AgentRow[] {
    if (words.length === 1) return this.#present(this.#index.find(words[0] ?? ""));
    const found = new Set<Entry>();
    for (const word of words) for (const entry of this.#index.find(word)) found.add(entry);
    return this.#present(found);
  }

  *live(word: string, nodes: readonly string[]): Iterable<AgentRow> {
    const heard = this.#options.linksHeard();
    const nowMs = this.#options.clock.nowMs();
    const told = new Set<Entry>();
    const isLive = (entry: Entry) => this.#presence(entry, heard, nowMs) === "live";
    for (const nodeId of nodes) {
      for (const entry of this.#room.ofNode(nodeId)) {
        if (!entry.confirmed || !answers(entry.words, word) || !isLive(entry)) continue;
        told.add(entry);
        yield toRow(entry, "live");
      }
    }
    let looked = 0;
    for (const entry of this.#index.find(word)) {
      if (looked === LOOKED_AT) return;
      looked += 1;
      if (!told.has(entry) && isLive(entry)) yield toRow(entry, "live");
    }
  }

  byId(agentId: string): AgentRow | undefined {
    const entry = this.#room.entries.get(agentId);
    if (entry === undefined) return undefined;
    return toRow(entry, this.#presence(entry, this.#options.linksHeard(), this.#options.clock.nowMs()));
  }

  agentsOf(nodeId: string): readonly string[] {
    return this.#valid(this.#room.ofNode(nodeId)).map(({ agentId }) => agentId);
  }

  records(): readonly AgentRecord[] {
    return this.#valid(this.#room.entries.values());
  }

  #valid(entries: Iterable<Entry>): readonly AgentRecord[] {
    const nowMs = this.#options.clock.nowMs();
    return [...entries]
      .map(({ record }) => record)
      .filter(({ validUntil, status }) => validUntil * 1_000 > nowMs && status !== "gone");
  }

  #present(entries: Iterable<Entry>): readonly AgentRow[] {
    const heard = this.#options.linksHeard();
    const nowMs = this.#options.clock.nowMs();
    const rows: AgentRow[] = [];
    for (const entry of entries) {
      const presence = this.#presence(entry, heard, nowMs);
      if (presence !== "gone") rows.push(toRow(entry, presence));
    }
    return rows;
  }

  #presence(entry: Entry, heard: ReadonlyMap<string, number>, nowMs: number): Presence {
    const { record, heardMs, absentMs } = entry;
    return presenceOf({
      nowMs,
      validUntilMs: record.validUntil * 1_000,
      lifeMs: record.lifeMs,
      status: record.status,
      linkHeardMs: heard.get(record.nodeId),
      linkLostMs: this.#lost.get(record.nodeId),
      recordHeardMs: heardMs,
      absentMs,
    });
  }

  /** Gone for ten minutes, and no older record of it can be valid any more. */
  #isOver(entry: Entry, nowMs: number): boolean {
    const { record, heardMs, absentMs, keepMs } = entry;
    const endMs = absentMs ?? (record.status === "gone" ? heardMs : record.validUntil * 1_000);
    return nowMs > keepMs && nowMs - endMs > nodeLimits.goneKeptMs;
  }
}

function entryOf(
  record: AgentRecord,
  as: { readonly confirmed: boolean; readonly known: Entry | undefined; readonly heardMs: number },
): Entry {
  return {
    agentId: record.agentId,
    words: record.words,
    record,
    confirmed: as.confirmed,
    bytes: bytesOf(record),
    heardMs: as.heardMs,
    absentMs: undefined,
    keepMs: Math.max(as.known?.keepMs ?? 0, record.validUntil * 1_000),
    rows: new Map(),
  };
}

/** False for the very record that is known. @throws EQUIVOCATION, RECORD_OUTDATED. */
function isNewer(record: AgentRecord, known: AgentRecord): boolean {
  if (known.seq > record.seq) {
    throw new ProtocolError("RECORD_OUTDATED", `record ${known.seq} of ${record.name} is known`);
  }
  if (known.seq < record.seq) return true;
  if (known.hash === record.hash) return false;
  if (!known.isNumbered || !record.isNumbered) {
    throw new ProtocolError("RECORD_OUTDATED", `a record of ${record.name} of the same second is known`);
  }
  throw new ProtocolError("EQUIVOCATION", `${record.agentId} signed two records ${record.seq}`);
}

const LOST_KEPT = 4_096;
/** A question of a word that many offer costs no more than one of few. */
const LOOKED_AT = 256;
/** An entry beside its message, and each place in the index, as measured on a heap of many. */
const ENTRY_BYTES = 1_024;
const PLACE_BYTES = 128;

function bytesOf({ bytes, words }: AgentRecord): number {
  return bytes.length + ENTRY_BYTES + PLACE_BYTES * WordIndex.placesOf(words).length;
}

function toRow({ record, confirmed, rows }: Entry, presence: Presence): AgentRow {
  const known = rows.get(presence);
  if (known !== undefined) return known;
  const { name, agentId, nodeId, words, validUntil, protocols, eras } = record;
  const address = `${nodeId}:${name}`;
  const told = { name, agentId, nodeId, address, capabilities: words, presence, local: false };
  const row = { ...told, confirmed, validUntil, protocols, eras };
  rows.set(presence, row);
  return row;
}
