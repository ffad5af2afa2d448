/** What the parts of the desk share: the books, the journal behind them, and the ports. */

import type {
  BuyerState,
  RecordKind,
  RecordOf,
  SellerState,
  Signer,
  TradeStatement,
  VerifyEngine,
} from "@gridmesh/protocol";
import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Random } from "../clock.ts";
import type { Log } from "../log.ts";
import type { MarketClock } from "../market-clock.ts";
import type { SignedExchange } from "../signed-exchange.ts";
import type { DiskWatch } from "./disk-watch.ts";
import type { Outbox } from "./outbox.ts";
import type { Sends } from "./sends.ts";
import type { Shelf } from "./shelf.ts";
import type { Snapshots } from "./snapshot.ts";
import type { Book, DeskState, ImbalanceState, OrderHalf } from "./state.ts";
import type { OpenOffer, OrderTerms, SignedBytes, SigningPolicy, TradeEvent } from "./types.ts";

/** Further off than this, a node makes no new trade. */
const MAX_CLOCK_OFFSET_MS = 60_000;

/** An agent whose signer is at hand: its book was opened since the start. */
export interface Hosted {
  readonly signer: Signer;
  readonly policy: SigningPolicy | undefined;
  readonly tariff: Tariff | undefined;
}

interface Tariff {
  readonly retailMicroPerKWh: number;
  readonly feedInMicroPerKWh: number;
}

/** A record before the journal numbers and dates it. */
type RecordDraft<K extends RecordKind = RecordKind> = K extends RecordKind
  ? Omit<RecordOf<K>, "seq" | "atMs" | "kind"> & { readonly kind: K }
  : never;

export interface DeskContext {
  readonly state: DeskState;
  readonly network: string;
  readonly peerId: string;
  readonly engine: VerifyEngine;
  readonly clock: Clock;
  readonly random: Random;
  readonly market: MarketClock;
  readonly log: Log;
  readonly exchange: SignedExchange;
  readonly hosted: Map<string, Hosted>;
  readonly shelf: Shelf;
  readonly sends: Sends;
  readonly outbox: Outbox;
  readonly watch: DiskWatch;
  readonly snapshots: Snapshots;
  /** `<signer> <nonce>` of the journal as it was found: messages that had their effect before the restart. */
  readonly spentNonces: ReadonlySet<string>;
  /** `<agentId> <slotId>` → mWh that purchases may fill. */
  readonly needs: Map<string, number>;
  courier: { resend(terms: OrderTerms, order: SignedBytes): Promise<void> } | undefined;
  /**
   * Books a record at once, so that the next check sees it; resolves when it may be spoken of.
   * @throws DISK_FAILED, DRAINING: at once when the journal is closed already, and nothing is booked;
   * MESSAGE_MALFORMED: it cannot be written, and nothing is booked.
   */
  commit(draft: RecordDraft): Promise<void>;
  /** The end of the journal on the disk: its last record there, and the chain up to it. */
  readonly synced: () => { readonly seq: number; readonly chain: Uint8Array };
  /** Resolves once everything that made this state is on the disk. @throws DISK_FAILED. */
  durable(seq: number): Promise<void>;
  emit(kind: TradeEvent["kind"], half: OrderHalf): void;
  tellOffer(offer: OpenOffer): void;
  /** How far the peers' clocks are from ours, ms; undefined while too few have told. */
  readonly clockOffsetMs: () => number | undefined;
  /** By `<agentId> <counterparty>`: in what their ledgers were found to disagree. */
  readonly disagreements: Map<string, string>;
  /** Own statements on their way. */
  readonly proposed: Map<string, TradeStatement>;
  /** How much time one statement covers, ms. */
  readonly statementMs: number;
  /** How long a dispute stays open before the lesser reading counts, market ms. */
  readonly disputeMs: number;
  /** Says what this order's state calls for, until it calls for nothing. */
  pursue(half: OrderHalf, delayMs?: number): void;
  /** Sends this statement until it is receipted. */
  pursueStatement(imbalance: ImbalanceState): void;
  /** Takes up everything an agent has under way. */
  resume(agentId: string): void;
}

/** Two agents about to talk. */
export interface Party {
  /** The local agent that speaks. */
  readonly agentId: string;
  readonly counterparty: string;
  readonly peerId: string;
}

/** @throws AGENT_NOT_FOUND when no book is open. */
export function bookOf(context: DeskContext, agentId: string): Book {
  const book = context.state.books.get(agentId);
  if (book === undefined) throw new ProtocolError("AGENT_NOT_FOUND", `no book of ${agentId}`);
  return book;
}

/** @throws AGENT_UNAVAILABLE while the agent's signer is not at hand. */
export function hostedOf(context: DeskContext, agentId: string): Hosted {
  const hosted = context.hosted.get(agentId);
  if (hosted === undefined) throw new ProtocolError("AGENT_UNAVAILABLE", `${agentId} does not run yet`);
  return hosted;
}

/** Nobody can rely on when this node says it promised or refused. */
export function clockIsOff(context: DeskContext): boolean {
  return Math.abs(context.clockOffsetMs() ?? 0) > MAX_CLOCK_OFFSET_MS;
}

/** @throws MARKET_HALTED while the own clock is off. */
export function checkClock(context: DeskContext): void {
  if (!clockIsOff(context)) return;
  const offsetMs = context.clockOffsetMs();
  throw new ProtocolError("MARKET_HALTED", `the own clock is off by ${offsetMs} ms`, {
    data: { reason: "clock" },
  });
}

export function isState(half: OrderHalf, ...states: readonly (BuyerState | SellerState)[]): boolean {
  return states.includes(half.state);
}
