/** What the Beckn room stands on, and the figures it keeps to. */

import type { BecknMandate, BecknProfile, Signer, VerifyEngine } from "@gridmesh/protocol";
import type { Clock, Random, Wait } from "../clock.ts";
import type { GossipGate } from "../gate/gossip.ts";
import type { Log } from "../log.ts";
import type { MarketClock } from "../market-clock.ts";
import type { GossipMeter } from "../message-meter.ts";
import type { Transport } from "../network/transport.ts";
import type { Registry } from "../registry/types.ts";
import type { StateStore } from "../store/types.ts";
import type { TradeDesk } from "../trade/types.ts";
import type { BecknSettings } from "./types.ts";

export interface LocalAgent {
  readonly name: string;
  readonly agentId: string;
  readonly signer: Signer;
  /** What its owner allows besides the signing policy; absent: all of it. */
  readonly mandate?: BecknMandate | undefined;
}

/** The node's own agents as Beckn sees them. */
export interface LocalAgents {
  bySellerId(agentId: string): LocalAgent | undefined;
  byName(name: string): LocalAgent | undefined;
  /** The one registered first. */
  first(): LocalAgent | undefined;
  /** Those that answer searches. */
  sellers(): readonly LocalAgent[];
}

export interface BecknPorts {
  readonly transport: Transport;
  readonly desk: TradeDesk;
  readonly registry: Registry;
  readonly store: StateStore;
  readonly network: string;
  /** Beckn domain, e.g. `energy`. */
  readonly domain: string;
  /** Absent: the defaults. */
  readonly settings?: BecknSettings | undefined;
  readonly engine: VerifyEngine;
  readonly clock: Clock;
  readonly random: Random;
  readonly market: MarketClock;
  readonly log: Log;
  readonly agents: LocalAgents;
  readonly peerId: string;
  /** Makes a link to a peer; absent: the DHT is asked for its addresses. */
  readonly connect?: ((peerId: string, wait: Wait) => Promise<unknown>) | undefined;
  /** Sellers refuse a confirm without init; default true. */
  readonly requireInit?: boolean | undefined;
  /** What searches on gossip pass; absent: the room's own rates alone. */
  readonly gossip?: GossipGate | undefined;
  /** Told of each search that came by gossip. */
  readonly gossipMeter?: GossipMeter | undefined;
}

export const BECKN_PROTOCOL = "/gridmesh/beckn/1";
/** Revisions that are spoken, the preferred one first. */
export const PROFILES: readonly BecknProfile[] = ["beckn/2", "beckn/1"];

/** An ACK is waited for so long, ms. */
export const ACK_WAIT_MS = 5_000;
/** How long `buy` itself waits for a decision; the order goes on without it, ms. */
export const DECISION_WAIT_MS = 5_000;
/** A quote is firm so long, wall ms. */
export const QUOTE_VALID_MS = 60_000;
/** Sellers answer a search after a random part of this, ms. */
export const ANSWER_SPREAD_MS = 250;
/** A search ends so long after its newest offer, ms. */
export const QUIET_MS = 500;
/** Without an offer a search is published once more after this, ms. */
export const REPEAT_SEARCH_MS = 1_000;
export const MAX_OFFERS_PER_SEARCH = 64;
/** With fewer mesh peers a search also goes by stream … */
export const FEW_MESH_PEERS = 3;
/** … to so many sellers at most. */
export const MAX_DIRECT_SELLERS = 16;
/** The word sellers are found under. */
export const SELL_CAPABILITY = "energy.sell";
