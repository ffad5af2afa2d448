/** Records by hand, for tests of the registry. */

import assert from "node:assert/strict";
import { canonicalBytes, type ErrorCode, type JsonObject, signBinding } from "@gridmesh/protocol";
import { nodeEngine } from "../src/gate/engine.ts";
import { type Identity, identityFromSeed } from "../src/identity.ts";
import { type AgentRecord, openRecord, type RecordTerms, sealRecord } from "../src/registry/record.ts";
import { seededRandom } from "../src/testing/index.ts";

export const NET = "records";

/** One key, by number. */
export function keyOf(number: number | string): Identity {
  return identityFromSeed(seededRandom(`key ${number}`).bytes(32));
}

export interface RecordChange extends Partial<Omit<RecordTerms, "network" | "signer" | "random">> {
  /** Number of the agent's key; default 1. */
  readonly agent?: number | undefined;
  /** PeerId it is bound to; default that of key 1000. */
  readonly nodeId?: string | undefined;
}

/** A signed record and what a node reads in it. */
export function recordOf(change: RecordChange & { readonly nowS: number }): {
  readonly message: JsonObject;
  readonly bytes: Uint8Array;
  readonly record: AgentRecord;
} {
  const message = messageOf(change);
  const bytes = canonicalBytes(message);
  const context = { network: NET, engine: nodeEngine(), nowS: change.nowS };
  return { message, bytes, record: openRecord(bytes, context) };
}

export function messageOf({
  agent = 1,
  nodeId = keyOf(1_000).peerId,
  nowS,
  ...change
}: RecordChange & { readonly nowS: number }): JsonObject {
  const { signer } = keyOf(agent);
  const name = change.name ?? `agent-${agent}`;
  const notAfterS = nowS + 604_800;
  const binding = signBinding({ network: NET, peerId: nodeId, name, notAfterS, signer });
  const random = seededRandom(`${agent} ${JSON.stringify(change)} ${nowS}`);
  const usual = { name, seq: 1, status: "available", capabilities: ["energy.sell"] } as const;
  return sealRecord({ network: NET, signer, binding, nowS, random, ...usual, ...change });
}

export function failsWith(code: ErrorCode, act: () => unknown): void {
  assert.throws(act, (error: unknown) => {
    assert.equal((error as { code?: string }).code, code);
    return true;
  });
}
