/** What a slot's vote takes in and gives out. */

import type { AuctionLock, AuctionProposal, AuctionReport, AuctionVote, SlotEnd } from "../proof/ballots.ts";
import type { AuctionDocumentType } from "../proof/documents.ts";

/** `again`: sent before and not ended since; who knows the end answers with it. */
export type VoteMessage = { readonly again?: boolean } & (
  | { readonly kind: "vote"; readonly vote: AuctionVote }
  | { readonly kind: "lock"; readonly lock: AuctionLock }
  | {
      readonly kind: "report";
      readonly report: AuctionReport;
      /** The votes that the lock in the report stands on. */
      readonly certificate: readonly AuctionVote[];
    }
  | { readonly kind: "proposal"; readonly proposal: AuctionProposal }
  | { readonly kind: "end"; readonly end: SlotEnd }
);

/** To one agent, or to everybody on the roll. */
export interface Addressed {
  readonly to?: string;
  readonly message: VoteMessage;
}

/** All that must outlive the process: what was signed, what a lock stands on, how it ended. */
export type VoteRecord =
  | { readonly kind: "vote"; readonly vote: AuctionVote }
  | { readonly kind: "lock"; readonly lock: AuctionLock; readonly certificate: readonly AuctionVote[] }
  | { readonly kind: "report"; readonly report: AuctionReport }
  | { readonly kind: "proposal"; readonly proposal: AuctionProposal }
  | { readonly kind: "end"; readonly end: SlotEnd };

/** The records are durable before any of the messages leaves, and before anybody acts on the end. */
export interface VoteStep {
  readonly records: readonly VoteRecord[];
  readonly messages: readonly Addressed[];
  /** When to wake it, by the clock it is told, ms; absent once it ended, or when it only listens. */
  readonly wakeAtMs?: number;
}

/** Adds the signature of the own agent; the same fields give the same signature. */
export type SignAuction = <Fields extends { readonly agentId: string }>(
  type: AuctionDocumentType,
  fields: Fields,
) => Fields & { readonly signature: string };
