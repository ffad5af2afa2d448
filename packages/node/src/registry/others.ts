/**
 * Agents of other nodes that an answer names beside the asked one's own: each as it was signed, and where its node says
 * it is. To whoever asks they are hearsay, a round trip away instead of a walk through the DHT.
 */

import { type JsonObject, type JsonValue, parseCanonical } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import { isObject } from "../route/rpc-lines.ts";
import type { RecordCache } from "./cache.ts";

export interface OthersOptions {
  readonly cache: Pick<RecordCache, "live" | "record">;
  /** Peers this node is linked with. */
  readonly linked: () => readonly string[];
  readonly banned: (subject: string) => boolean;
  /** Where a linked peer says it is, signed by it; undefined where that is not known or not to be told. */
  readonly peerRecord: (peerId: string) => string | undefined;
}

export type TellOthers = (asker: string, word: string) => readonly JsonObject[];

/** What an answer says of one of them. */
export interface NamedAgent {
  readonly record: JsonObject;
  /** base64; what its node is reached by. */
  readonly peerRecord: string | undefined;
}

/** Few live agents that answer a word: those that linked nodes told of themselves first. */
export function createOthers({ cache, linked, banned, peerRecord }: OthersOptions): TellOthers {
  return (asker, word) => {
    let leftBytes: number = nodeLimits.othersBytes;
    let addressed = 0;
    const told: JsonObject[] = [];
    for (const { agentId, nodeId } of cache.live(word, linked())) {
      const record = cache.record(agentId);
      if (record === undefined || nodeId === asker || banned(agentId) || banned(nodeId)) continue;
      if (record.bytes.length > leftBytes) continue;
      leftBytes -= record.bytes.length;
      const where = addressed < nodeLimits.introducedAtOnce ? peerRecord(nodeId) : undefined;
      if (where !== undefined) addressed += 1;
      const message = parseCanonical(record.bytes) as JsonObject;
      told.push({ record: message, ...(where === undefined ? {} : { peer_record: where }) });
      if (told.length === nodeLimits.othersTold) break;
    }
    return told;
  };
}

/** What an answer names; of what is none, nothing. */
export function othersIn(answer: JsonValue): readonly NamedAgent[] {
  if (!isObject(answer) || !Array.isArray(answer["others"])) return [];
  return (answer["others"] as readonly JsonValue[]).slice(0, nodeLimits.othersTold).flatMap((row) => {
    if (!isObject(row) || !isObject(row["record"])) return [];
    const { record, peer_record: where } = row;
    return [{ record, peerRecord: typeof where === "string" ? where : undefined }];
  });
}
