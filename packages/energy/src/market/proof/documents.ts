/** What supervisors and traders sign in an auction, and the trees these statements stand on. */

import { canonicalBytes, hashFromHex, type JsonObject, merkleRoot, sha256, toHex } from "@gridmesh/protocol";
import { type AuctionResult, clearByRules, type ClearingFigures } from "../clear.ts";
import { compareIds } from "../order.ts";
import type { MarketOrder, MarketRules } from "../rules.ts";
import type { LeafForm } from "./absence.ts";
import type { AuctionLock, AuctionProposal, AuctionReport, AuctionVote } from "./ballots.ts";

interface Signed {
  /** base64; over type, network and all other fields. */
  readonly signature: string;
}

/** Trader: an order and the salt of its commitment. */
export interface OrderReveal extends Signed {
  readonly agentId: string;
  readonly slotId: string;
  readonly orderId: string;
  readonly order: MarketOrder;
  /** base64, 32 bytes. */
  readonly salt: string;
}

/** Supervisor or deputy: these of a trader's commitments or reveals have come. */
export interface OrderReceipt extends Signed {
  readonly supervisor: string;
  readonly slotId: string;
  readonly of: "commit" | "reveal";
  readonly commitments: readonly string[];
}

/** Supervisor: these commitments and no others. */
export interface GateClose extends Signed {
  readonly supervisor: string;
  readonly slotId: string;
  readonly rulesHash: string;
  readonly term: number;
  readonly count: number;
  readonly commitRoot: string;
}

/** Supervisor: what the auction came to. */
export interface ClearingResult extends Signed, ClearingFigures {
  readonly supervisor: string;
  readonly slotId: string;
  readonly rulesHash: string;
  readonly term: number;
  readonly count: number;
  readonly orderRoot: string;
  readonly tradesRoot: string;
}

export type AuctionDocument =
  | OrderReveal
  | OrderReceipt
  | GateClose
  | ClearingResult
  | AuctionVote
  | AuctionLock
  | AuctionReport
  | AuctionProposal;
export type AuctionDocumentType =
  | "order_reveal"
  | "order_receipt"
  | "gate_close"
  | "clearing_result"
  | "auction_vote"
  | "auction_lock"
  | "auction_report"
  | "auction_proposal";

/** The field of each that names its signer. */
export const auctionSigner: Readonly<Record<AuctionDocumentType, "agentId" | "supervisor">> = {
  order_reveal: "agentId",
  order_receipt: "supervisor",
  gate_close: "supervisor",
  clearing_result: "supervisor",
  auction_vote: "agentId",
  auction_lock: "agentId",
  auction_report: "agentId",
  auction_proposal: "agentId",
};

/** Whether the document is signed by the agent that it names; keys and network are whose it asks. */
export type VerifyAuction = (type: AuctionDocumentType, document: JsonObject) => boolean;

/** sha256 of the canonical form, hex. */
export function documentHash(document: AuctionDocument): string {
  return toHex(sha256(canonicalBytes(document)));
}

export const commitmentLeaf: LeafForm<string> = { bytesOf: hashFromHex, keyOf: (commitment) => commitment };
export const revealLeaf: LeafForm<OrderReveal> = {
  bytesOf: (reveal) => canonicalBytes(reveal),
  keyOf: (reveal) => reveal.orderId,
};

/** Commitments as they stand in the tree, and its root. */
export function closeGate(commitments: readonly string[]): Pick<GateClose, "count" | "commitRoot"> & {
  readonly commitments: readonly string[];
} {
  const sorted = [...new Set(commitments)].sort(compareIds);
  const leaves = sorted.flatMap((commitment) => commitmentLeaf.bytesOf(commitment) ?? []);
  return { commitments: sorted, count: sorted.length, commitRoot: merkleRoot(leaves) };
}

/** Root over the reveals as they stand; in a right result they stand by orderId. */
export function orderRootOf(reveals: readonly OrderReveal[]): string {
  return merkleRoot(reveals.map((reveal) => canonicalBytes(reveal)));
}

export type ResultContent = ClearingFigures & Pick<ClearingResult, "count" | "orderRoot" | "tradesRoot">;

/** What a result must say about these reveals, and its trades with their ids. */
export function resultOf(
  reveals: readonly OrderReveal[],
  { rules, slotId }: { readonly rules: MarketRules; readonly slotId: string },
): { readonly content: ResultContent; readonly trades: readonly AuctionTradeRecord[] } {
  const sorted = reveals.toSorted((a, b) => compareIds(a.orderId, b.orderId));
  const orders = sorted.map(({ order, orderId }) => ({ ...order, orderId }));
  const { trades, ...figures } = clearByRules(orders, rules);
  const recorded = trades.map((trade) => tradeRecord(trade, { slotId, mechanism: rules.mechanism }));
  const content = {
    ...figures,
    count: sorted.length,
    orderRoot: orderRootOf(sorted),
    tradesRoot: merkleRoot(recorded.map((trade) => canonicalBytes(trade))),
  };
  return { content, trades: recorded };
}

export type AuctionTradeRecord = AuctionResult["trades"][number] & {
  readonly tradeId: string;
  readonly slotId: string;
  readonly mechanism: MarketRules["mechanism"];
};

/** The trade under its id, sha256 of all the rest. */
function tradeRecord(
  trade: AuctionResult["trades"][number],
  of: { readonly slotId: string; readonly mechanism: MarketRules["mechanism"] },
): AuctionTradeRecord {
  const rest = { ...trade, ...of };
  return { ...rest, tradeId: toHex(sha256(canonicalBytes(rest))) };
}
