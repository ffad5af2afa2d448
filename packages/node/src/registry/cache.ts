/** Records heard of other nodes' agents: the newest of each, within bounds. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { type Presence, presenceOf } from "./presence.ts";
import type { AgentRecord } from "./record.ts";
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
  /** A node said it has no such agent, whatever its record says. */
  forget(agentId: string): void;
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

  const presence = ({ record, heardMs }: Entry): Presence =>
    presenceOf({
      nowMs: clock.nowMs(),
      validUntil: record.validUntil,
      status: record.status,
      linkHeardMs: options.linkHeardMs(record.nodeId),
      recordHeardMs: heardMs,
    });
  const toRow = (entry: Entry): AgentRow => {
    const { name, agentId, nodeId, words, validUntil } = entry.record;
    const address = `${nodeId}:${name}`;
    return {
      name,
      agentId,
      nodeId,
      address,
      capabilities: words,
      presence: presence(entry),
      local: false,
      validUntil,
    };
  };
  const sweep = () => {
    const oldestMs = clock.nowMs() - nodeLimits.goneKeptMs;
    for (const [agentId, entry] of entries) {
      const endMs = Math.max(entry.heardMs, entry.record.validUntil * 1000);
      if (endMs < oldestMs) entries.delete(agentId);
    }
  };
  const makeRoom = (nodeId: string) => {
    const ofNode = [...entries.values()].filter((entry) => entry.record.nodeId === nodeId).length;
    if (ofNode >= nodeLimits.recordsPerNode) {
      throw new ProtocolError("REGISTRY_FULL", `${nodeId} has ${ofNode} records here`);
    }
    if (entries.size >= nodeLimits.records) sweep();
    if (entries.size >= nodeLimits.records) throw new ProtocolError("REGISTRY_FULL", "the registry is full");
  };

  return {
    take(record) {
      if (record.validUntil * 1000 <= clock.nowMs()) {
        throw new ProtocolError("RECORD_EXPIRED", `the record of ${record.name} has expired`);
      }
      const known = entries.get(record.agentId)?.record;
      if (known === undefined) makeRoom(record.nodeId);
      else if (known.seq === record.seq) {
        if (known.hash === record.hash) return false;
        throw new ProtocolError("EQUIVOCATION", `${record.agentId} signed two records ${record.seq}`);
      } else if (known.seq > record.seq) {
        throw new ProtocolError("RECORD_OUTDATED", `record ${known.seq} of ${record.name} is known`);
      }
      entries.set(record.agentId, { record, heardMs: clock.nowMs() });
      return true;
    },
    forget: (agentId) => void entries.delete(agentId),
    rows: () => [...entries.values()].map((entry) => toRow(entry)).filter((row) => row.presence !== "gone"),
    byId(agentId) {
      const entry = entries.get(agentId);
      return entry === undefined ? undefined : toRow(entry);
    },
  };
}
