/** Records on gossip: read in the order of the verdict table, each once, proven before anything is remembered. */

import {
  type AgentBinding,
  type JsonObject,
  messageSchemas,
  openMessage,
  parseCanonical,
  ProtocolError,
  type VerifyEngine,
} from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { type GossipTopic, gossipPurposes } from "../gate/gossip.ts";
import { nodeLimits } from "../limits.ts";
import { isObject } from "../route/rpc-lines.ts";
import { type AgentRecord, hashOf, readProven } from "./record.ts";

export interface HeardOptions {
  readonly network: string;
  readonly engine: VerifyEngine;
  readonly clock: Clock;
  /** The newest record of an agent. */
  readonly known: (agentId: string) => AgentRecord | undefined;
  /** @throws RECORD_EXPIRED, RECORD_OUTDATED, EQUIVOCATION, REGISTRY_FULL. */
  readonly take: (record: AgentRecord) => void;
}

export interface HeardRecord {
  readonly signerId: string;
  readonly record: AgentRecord;
}

/** Bindings of agents heard of late: to verify them again would double the work of each renewal. */
const BINDINGS_KEPT = 4_096;
/** Any other type is turned away by its name, before it costs a signature check that no rate counts. */
const TYPES = new Map([...messageSchemas].filter(([type]) => type === "capability_advertisement"));

/** The topic on which agents are told to all. */
export function recordTopic(options: HeardOptions): GossipTopic<HeardRecord> {
  const { network, engine, clock, known, take } = options;
  const bindings = new Map<string, AgentBinding>();
  /** By agent_id: what came over gossip last. Who learnt it over a link before must still pass it on, but once. */
  const passed = new Map<string, { readonly seq: number; readonly hash: string }>();
  const checkNews = (agentId: string, message: JsonObject, hash: string): void => {
    const { valid_until: validUntil, seq } = message;
    if (Number(validUntil) * 1_000 <= clock.nowMs())
      throw new ProtocolError("RECORD_EXPIRED", `the record of ${agentId}`);
    const newest = Math.max(known(agentId)?.seq ?? 0, passed.get(agentId)?.seq ?? 0);
    const again = passed.get(agentId)?.hash === hash;
    if (Number(seq) < newest || again)
      throw new ProtocolError("RECORD_OUTDATED", `record ${newest} is known`);
  };
  return {
    purpose: gossipPurposes.capability,
    open(data, admit) {
      const nowS = Math.floor(clock.nowMs() / 1_000);
      const hash = hashOf(data);
      const message = parseCanonical(data);
      const opened = openMessage(message, {
        network,
        engine,
        nowS,
        schemas: TYPES,
        isMine: (id) => id === "*",
        live: false,
        // Asked for when the form is proven, and before any signature is.
        bindingFor(agentId) {
          if (isObject(message)) checkNews(agentId, message, hash);
          admit(agentId);
          return bindings.get(agentId);
        },
      });
      const { signerId, binding } = opened;
      if (binding !== undefined) keep(bindings, { key: signerId, value: binding, max: BINDINGS_KEPT });
      return {
        signerId,
        record: readProven(opened, data, nowS),
      };
    },
    take({ signerId, record }) {
      take(record);
      const { seq, hash } = record;
      keep(passed, { key: signerId, value: { seq, hash }, max: nodeLimits.records });
    },
  };
}

/** The least recent goes first. */
function keep<T>(
  map: Map<string, T>,
  entry: { readonly key: string; readonly value: T; readonly max: number },
): void {
  map.delete(entry.key);
  map.set(entry.key, entry.value);
  const oldest = map.keys().next();
  if (map.size > entry.max && !oldest.done) map.delete(oldest.value);
}
