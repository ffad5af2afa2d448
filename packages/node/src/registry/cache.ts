/** Records heard of other nodes' agents: the newest of each, within bounds. */

import { type JsonObject, ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { type Presence, presenceOf } from "./presence.ts";
import { type AgentRecord, hashOf } from "./record.ts";
import type { AgentRow } from "./types.ts";

interface Entry {
  readonly record: AgentRecord;
  readonly heardMs: number;
}

export interface RecordCache {
  /**
   * Takes a verified record; false when this very one is known.
   * @throws RECORD_EXPIRED, RECORD_OUTDATED, EQUIVOCATION, REGISTRY_FULL.
   */
  take(record: AgentRecord): boolean;
  /** Is this very message the newest record of its agent? Then it was verified before. */
  holds(message: JsonObject): boolean;
  /** Gone ones left out. */
  rows(): readonly AgentRow[];
  byId(agentId: string): AgentRow | undefined;
}

export interface RecordCacheOptions {
  readonly clock: Clock;
  /** When a byte of this peer last came over a link; undefined without a link. */
  readonly linkHeardMs: (peerId: string) => number | undefined;
}

export function createRecordCache(options: RecordCacheOptions): RecordCache {
  const { clock } = options;
  const entries = new Map<string, Entry>();
  const rowOf = (entry: Entry) => toRow(entry, presenceIn(options, entry));
  return {
    take(record) {
      const nowMs = clock.nowMs();
      if (record.validUntil * 1000 <= nowMs) {
        throw new ProtocolError("RECORD_EXPIRED", `the record of ${record.name} has expired`);
      }
      const known = entries.get(record.agentId)?.record;
      if (known === undefined) makeRoom(entries, record.nodeId, nowMs);
      else if (!isNewer(record, known)) return false;
      entries.set(record.agentId, { record, heardMs: nowMs });
      return true;
    },
    holds(message) {
      const { agent_id: agentId } = message;
      const known = typeof agentId === "string" ? entries.get(agentId)?.record : undefined;
      return known !== undefined && known.seq === message["seq"] && known.hash === hashOf(message);
    },
    rows: () => [...entries.values()].map(rowOf).filter((row) => row.presence !== "gone"),
    byId(agentId) {
      const entry = entries.get(agentId);
      return entry === undefined ? undefined : rowOf(entry);
    },
  };
}

/** False for the very record that is known. @throws EQUIVOCATION, RECORD_OUTDATED. */
function isNewer(record: AgentRecord, known: AgentRecord): boolean {
  if (known.seq > record.seq) {
    throw new ProtocolError("RECORD_OUTDATED", `record ${known.seq} of ${record.name} is known`);
  }
  if (known.seq < record.seq) return true;
  if (known.hash === record.hash) return false;
  throw new ProtocolError("EQUIVOCATION", `${record.agentId} signed two records ${record.seq}`);
}

/** @throws REGISTRY_FULL. */
function makeRoom(entries: Map<string, Entry>, nodeId: string, nowMs: number): void {
  const ofNode = [...entries.values()].filter((entry) => entry.record.nodeId === nodeId).length;
  if (ofNode >= nodeLimits.recordsPerNode) {
    throw new ProtocolError("REGISTRY_FULL", `${nodeId} has ${ofNode} records here`);
  }
  if (entries.size < nodeLimits.records) return;
  for (const [agentId, { heardMs, record }] of entries) {
    const endMs = Math.max(heardMs, record.validUntil * 1000);
    if (endMs < nowMs - nodeLimits.goneKeptMs) entries.delete(agentId);
  }
  if (entries.size >= nodeLimits.records) throw new ProtocolError("REGISTRY_FULL", "the registry is full");
}

function presenceIn(options: RecordCacheOptions, { record, heardMs }: Entry): Presence {
  return presenceOf({
    nowMs: options.clock.nowMs(),
    validUntil: record.validUntil,
    status: record.status,
    linkHeardMs: options.linkHeardMs(record.nodeId),
    recordHeardMs: heardMs,
  });
}

function toRow({ record }: Entry, presence: Presence): AgentRow {
  const { name, agentId, nodeId, words, validUntil } = record;
  const address = `${nodeId}:${name}`;
  return { name, agentId, nodeId, address, capabilities: words, presence, local: false, validUntil };
}
