/** What buyer and seller of the trade bench agree on: the slot, and how an order and its answer are signed. */

import assert from "node:assert/strict";
import type { Signer, Slot, VerifyEngine } from "../packages/protocol/src/index.ts";
import { keyFromAgentId, slotAt } from "../packages/protocol/src/index.ts";
import type { TradeDesk } from "../packages/node/src/index.ts";

export type OrderTerms = Parameters<TradeDesk["hold"]>[0];
export type SignedBytes = Parameters<TradeDesk["hold"]>[1];
export type Decision = Parameters<TradeDesk["conclude"]>[2];

export interface SignedOrder {
  readonly terms: OrderTerms;
  readonly order: SignedBytes;
}

const DAY_S = 86_400;

/** A slot that ends well after the bench does, whatever the hour. */
export function slotNow(): Slot {
  return slotAt("bench", (Math.floor(Date.now() / 1_000 / DAY_S) + 1) * DAY_S * 1_000, 3_600);
}

/** Processor time of this process so far, its threads included, ms: other processes hardly change it. */
export function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** The signature goes where a header would. */
export function signBytes(signer: Signer, content: unknown): SignedBytes {
  const body = JSON.stringify(content);
  return { header: Buffer.from(signer.sign(Buffer.from(body))).toString("base64"), body };
}

export function mustVerify(engine: VerifyEngine, { header, body }: SignedBytes, agentId: string): void {
  const holds = engine(Buffer.from(header, "base64"), Buffer.from(body), keyFromAgentId(agentId));
  assert.ok(holds, `signed by somebody else than ${agentId}`);
}
