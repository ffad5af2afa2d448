/** What the kill campaign and its two processes tell each other. */

import type { Slot } from "@gridmesh/protocol";

/** What the buyer orders from, before and after the seller's restarts. */
export interface KillOffer {
  readonly offerId: string;
  readonly epoch: string;
  readonly slot: Slot;
  /** agent_id. */
  readonly seller: string;
  readonly peerId: string;
}

export interface PeerReady {
  readonly peerId: string;
  readonly address: string;
  /** Of the seller alone. */
  readonly offer?: KillOffer;
}

export interface PeerTold {
  readonly ready?: PeerReady;
  /** The buyer's, each time one of its orders is over. */
  readonly ended?: "closed" | "released";
  /** The answer to any word: orders not over yet. */
  readonly open?: number;
}
