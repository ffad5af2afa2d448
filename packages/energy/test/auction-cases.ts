/** A signed auction with real keys, whole and right; tests bend one thing of it at a time. */

import { createPrivateKey, createPublicKey, sign as signNative, verify as nativeVerify } from "node:crypto";
import {
  type AuctionLock,
  type AuctionReport,
  type AuctionVote,
  createAuction,
  type MarketOrder,
  type MarketRules,
  rulesHashOf,
  type SignAuction,
  voteContext,
} from "@gridmesh/energy";
import { agentIdFromKey, passesGate, type Signer } from "@gridmesh/protocol";

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
export const network = "test";
export const slotId = "city/900/900";

function signerOf(first: number): Signer {
  const seed = Uint8Array.from({ length: 32 }, (_, index) => (first + index) & 0xff);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const publicKey = new Uint8Array(
    createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32),
  );
  const agentId = agentIdFromKey(publicKey);
  return { agentId, publicKey, sign: (bytes) => new Uint8Array(signNative(null, bytes, key)) };
}

function engine(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (!passesGate(signature, publicKey)) return false;
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: "der", type: "spki" });
  return nativeVerify(null, message, key, signature);
}

export const traders = Array.from({ length: 7 }, (_, index) => signerOf(10 + index));
const supervisors = Array.from({ length: 4 }, (_, index) => signerOf(100 + index));
export const stranger = signerOf(200);

export const rules: MarketRules = {
  area: "city",
  mechanism: "call-uniform",
  durationS: 900,
  commitS: 120,
  closeS: 115,
  revealS: 100,
  resultS: 90,
  ackS: 70,
  finalS: 10,
  kPermille: 500,
  minMicroPerKWh: 0,
  maxMicroPerKWh: 1_000_000,
  tickMicro: 1,
  feeMicroPerKWh: 1_000,
  maxOrdersPerAgent: 16,
  roll: traders.map(({ agentId }, index) => ({ agent_id: agentId, meter_id: `m${index}` })),
  supervisors: supervisors.map(({ agentId }) => agentId),
  version: 1,
};
export const rulesHash = rulesHashOf(rules);

export const auction = createAuction({ network, slotId, rules, supervisors, engine });
export const { ranked, context, reveal, revealUnder, gate, result, receipt, sign } = auction;

export function orderOf(trader: Signer, index: number): MarketOrder {
  return {
    agentId: trader.agentId,
    side: index % 2 === 0 ? "bid" : "ask",
    slotId,
    rulesHash,
    qtyMilliWh: 1_000_000 + index * 1_000,
    limitMicroPerKWh: index % 2 === 0 ? 250_000 - index * 1_000 : 100_000 + index * 1_000,
    minFillMilliWh: 0,
  };
}

/** One order of each trader, sorted by id. */
export const reveals = traders
  .map((trader, index) => reveal(trader, orderOf(trader, index)))
  .sort((a, b) => (a.orderId < b.orderId ? -1 : 1));

export function vote(
  signer: Signer,
  said: Pick<AuctionVote, "vote"> & Partial<Pick<AuctionVote, "resultHash" | "reason" | "round">>,
): AuctionVote {
  return sign("auction_vote", { agentId: signer.agentId, slotId, rulesHash, round: 0, ...said }, signer);
}

export function report(
  signer: Signer,
  said: Pick<AuctionReport, "round"> & Partial<Pick<AuctionReport, "first" | "lock">>,
): AuctionReport {
  return sign("auction_report", { agentId: signer.agentId, slotId, rulesHash, ...said }, signer);
}

export function lock(
  signer: Signer,
  said: Pick<AuctionLock, "round" | "vote"> & Partial<Pick<AuctionLock, "resultHash">>,
): AuctionLock {
  return sign("auction_lock", { agentId: signer.agentId, slotId, rulesHash, ...said }, signer);
}

/** The slot's vote among the traders, and each one's signature. */
export const voting = voteContext({
  network,
  slotId,
  rulesHash,
  roll: traders.map(({ agentId }) => agentId),
  verify: context.verify,
});

export function signAs(signer: Signer): SignAuction {
  return (type, fields) => sign(type, fields, signer);
}
