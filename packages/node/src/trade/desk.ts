/** The trade desk of a node: recovery, then everything of the `TradeDesk` contract over one journal. */

import { AssertionError } from "node:assert";
import { type JournalRecord, orderKey, ProtocolError, toHex, type VerifyEngine } from "@gridmesh/protocol";
import type { Clock, Random } from "../clock.ts";
import type { Log } from "../log.ts";
import type { MarketClock } from "../market-clock.ts";
import type { SignedExchange } from "../signed-exchange.ts";
import { apply } from "./apply.ts";
import { type Audience, createAudience } from "./audience.ts";
import { auditLive } from "./audit.ts";
import {
  availableMilliWh,
  energyEntry,
  needKey,
  openBook,
  recordEnergy,
  roomMilliWh,
  snapshotOf,
} from "./books.ts";
import { annulOrder, cancelOrder } from "./cancel.ts";
import { bookOf, type DeskContext } from "./context.ts";
import { listen } from "./conversation.ts";
import { deliverOrder } from "./delivery.ts";
import { measureOrder } from "./disputes.ts";
import type { JournalDisk } from "./disk.ts";
import { watchDisk } from "./disk-watch.ts";
import { bookImbalance } from "./imbalance.ts";
import { openJournal, type Journal, recordBytes } from "./journal.ts";
import { makeOffer, offerOf, openOffers, reserve, withdrawOffer } from "./offers.ts";
import { evidenceOf } from "./order-evidence.ts";
import { concludeOrder, decideOrder, holdOrder } from "./orders.ts";
import { createOutbox } from "./outbox.ts";
import { pursueOrder, pursueStatement } from "./pursuit.ts";
import { reconcileEvery, resumeAgent, resumePeer } from "./reconcile.ts";
import { createSends } from "./sends.ts";
import { createShelf } from "./shelf.ts";
import { createSnapshots } from "./snapshot.ts";
import { restoreState } from "./state-text.ts";
import { type DeskState, emptyState, summaryOf } from "./state.ts";
import type { OpenOffer, TradeDesk, TradeEvent } from "./types.ts";

export interface TradeDeskOptions {
  readonly disk: JournalDisk;
  readonly network: string;
  readonly peerId: string;
  readonly exchange: SignedExchange;
  readonly engine: VerifyEngine;
  readonly clock: Clock;
  readonly random: Random;
  readonly market: MarketClock;
  readonly log: Log;
  /** A write or sync of the journal failed: the node must stop at once, nothing more is acknowledged. */
  readonly onFatal?: ((error: ProtocolError) => void) | undefined;
  /** Tells of each peer that is linked, so that what is due goes out at once. */
  readonly onLink?: ((fn: (peerId: string) => void) => Disposable) | undefined;
  /** How far the peers' clocks are from ours, ms; over 60 s no new trade is made. */
  readonly clockOffsetMs?: (() => number | undefined) | undefined;
  /** Free bytes below which no new order begins, default 200 MiB. */
  readonly reserveBytes?: number | undefined;
  /** How long two readings may stay in dispute before the lesser counts, market ms; default a day. */
  readonly disputeMs?: number | undefined;
  /** Records after which a snapshot of the books is written, default 50,000. */
  readonly snapshotEvery?: number | undefined;
  /** How often the books are compared with those of each counterparty, ms; absent: only when a peer is linked. */
  readonly reconcileMs?: number | undefined;
  /** How much time one statement covers, ms; default a day. */
  readonly statementMs?: number | undefined;
  /** PeerIds this node had before its key was handed over. */
  readonly formerPeerIds?: readonly string[] | undefined;
  /** By an agent's former id, the one its key was handed over to. */
  readonly successors?: ReadonlyMap<string, string> | undefined;
}

/** What a simulation watches, and puts in the place of a part; a node has none of it. */
export interface DeskSeam {
  /** Given the parts before the first record is booked; what it returns takes their place. */
  readonly parts?: (context: DeskContext) => Partial<DeskContext>;
  readonly apply?: typeof apply;
}

const EPOCH_BYTES = 16;
/** To settle two readings between people; and what one statement covers. */
const DAY_MS = 24 * 3_600_000;

/**
 * Recovers the journal and answers on `/gridmesh/trade/1` from then on.
 * @throws JOURNAL_DAMAGED, DISK_FAILED.
 */
export async function openTradeDesk(options: TradeDeskOptions, seam: DeskSeam = {}): Promise<TradeDesk> {
  const log = options.log.child("trade");
  const state = emptyState();
  const book = seam.apply ?? apply;
  const journal = await openJournal({
    disk: options.disk,
    tell: (record) => replay(book, state, record),
    restore: (lines) => restored(state, lines),
    onFatal: (error) => {
      log.error("journal.failed", error.message, { code: error.code });
      options.onFatal?.(error);
    },
  });
  if (journal.tornBytes > 0) {
    log.warn("journal.torn", "cut a group that was never finished", { bytes: journal.tornBytes });
  }
  const listeners: Listeners = { events: createAudience(log), offers: createAudience(log) };
  const context = createContext({ ...options, log }, { state, journal, listeners, book });
  Object.assign(context, seam.parts?.(context));
  await context.watch.look();
  if (state.boot === undefined) {
    const { network, peerId } = options;
    const epoch = toHex(options.random.bytes(EPOCH_BYTES));
    await context.commit({ kind: "boot", epoch, network, peerId });
  } else checkOwner(state.boot, options);
  await succeed(context, options.successors ?? new Map());
  for (const offer of state.offers.values()) context.shelf.put(offer);
  const stack = new DisposableStack();
  stack.use(listen(context));
  if (options.onLink !== undefined) stack.use(options.onLink((peerId) => resumePeer(context, peerId)));
  if (options.reconcileMs !== undefined) stack.use(reconcileEvery(context, options.reconcileMs));
  return deskOver(context, { journal, listeners, stack, disk: options.disk });
}

/** @throws JOURNAL_DAMAGED: written in another network, or under a key that was not this node's. */
function checkOwner(
  { network, peerId }: NonNullable<DeskState["boot"]>,
  options: Pick<TradeDeskOptions, "network" | "peerId" | "formerPeerIds">,
): void {
  const own = [options.peerId, ...(options.formerPeerIds ?? [])];
  if (network === options.network && own.includes(peerId)) return;
  throw new ProtocolError("JOURNAL_DAMAGED", `the journal belongs to ${peerId}`);
}

/** Books whose agent's key was handed over since the last run go on under the new one. */
async function succeed(context: DeskContext, successors: ReadonlyMap<string, string>): Promise<void> {
  // A book that moved comes up again under its new id: its key may have been handed over more than once.
  for (const agent of context.state.books.keys()) {
    const successor = successors.get(agent);
    if (successor !== undefined) await context.commit({ kind: "succeed", agent, successor });
  }
}

/** What is whole by its checksums was written by `stateLines`, of some version of it. @throws JOURNAL_DAMAGED. */
function restored(state: DeskState, lines: readonly string[]): void {
  try {
    restoreState(state, lines);
  } catch (cause) {
    throw new ProtocolError("JOURNAL_DAMAGED", "the snapshot cannot be read", { cause });
  }
}

function replay(book: typeof apply, state: DeskState, record: JournalRecord): void {
  try {
    book(state, record);
  } catch (cause) {
    if (!(cause instanceof AssertionError)) throw cause;
    const what = `record ${record.seq} (${record.kind}) cannot follow: ${cause.message}`;
    throw new ProtocolError("JOURNAL_DAMAGED", what, { cause });
  }
}

interface Parts {
  readonly state: DeskState;
  readonly journal: Journal;
  readonly listeners: Listeners;
  readonly book: typeof apply;
}

interface Listeners {
  readonly events: Audience<TradeEvent>;
  readonly offers: Audience<OpenOffer>;
}

function createContext(options: TradeDeskOptions, { state, journal, listeners, book }: Parts): DeskContext {
  const { network, peerId, engine, clock, random, market, log, exchange, disk, reserveBytes } = options;
  const context: DeskContext = {
    state,
    network,
    peerId,
    engine,
    clock,
    random,
    market,
    log,
    exchange,
    hosted: new Map(),
    shelf: createShelf(),
    sends: createSends({ clock, random, log }),
    outbox: createOutbox(),
    watch: watchDisk({ disk, clock, log, reserveBytes }),
    snapshots: createSnapshots({
      disk,
      state,
      log,
      everyRecords: options.snapshotEvery,
      synced: () => journal.synced,
      durable: (seq) => journal.durable(seq),
    }),
    spentNonces: new Set(state.nonces.map(({ signer, nonce }) => `${signer} ${nonce}`)),
    needs: new Map(),
    courier: undefined,
    commit(draft) {
      const record = { ...draft, seq: state.lastSeq + 1, atMs: market.nowMs() } as JournalRecord;
      if (journal.closed !== undefined) throw journal.closed;
      // What the disk cannot take must not be booked: the journal would go on behind a gap.
      const bytes = recordBytes(record);
      book(state, record);
      const written = journal.append(record, bytes);
      context.snapshots.booked();
      return written;
    },
    synced: () => journal.synced,
    durable: (seq) => journal.durable(seq),
    emit(kind, half) {
      listeners.events.tell({ kind, agentId: half.agentId, order: summaryOf(half) });
    },
    tellOffer: (offer) => listeners.offers.tell(offer),
    disputeMs: options.disputeMs ?? DAY_MS,
    disagreements: new Map(),
    proposed: new Map(),
    statementMs: options.statementMs ?? DAY_MS,
    clockOffsetMs: options.clockOffsetMs ?? (() => undefined),
    pursue: (half, delayMs = 0) => pursueOrder(context, half, delayMs),
    pursueStatement: (imbalance) => pursueStatement(context, imbalance),
    resume: (agentId) => resumeAgent(context, agentId),
  };
  return context;
}

interface Running {
  readonly journal: Journal;
  readonly listeners: Listeners;
  readonly stack: DisposableStack;
  readonly disk: JournalDisk;
}

function deskOver(context: DeskContext, { journal, listeners, stack, disk }: Running): TradeDesk {
  const { state } = context;
  return {
    epoch: state.boot?.epoch ?? "",
    open: (options) => openBook(context, options),
    book: (agentId) => snapshotOf(context, bookOf(context, agentId)),
    books: () => [...state.books.values()].map((book) => snapshotOf(context, book)),
    availableMilliWh: (agentId) => availableMilliWh(context, agentId),
    expectNeed: (agentId, slotId, quantityMilliWh) =>
      void context.needs.set(needKey(agentId, slotId), quantityMilliWh),
    roomMilliWh: (agentId, slotId) => roomMilliWh(context, agentId, slotId),
    record: (entry) => recordEnergy(context, entry),
    entry: (agentId, kind, key) => energyEntry(context, agentId, { kind, key }),
    imbalance: (entry) => bookImbalance(context, entry),
    offer: (terms) => makeOffer(context, terms),
    withdraw: (offerId) => withdrawOffer(context, offerId),
    openOffers: (filter) => openOffers(context, filter),
    offerOf: (agentId, offerId) => offerOf(context, agentId, offerId),
    onOffer: (fn) => listeners.offers.add(fn),
    reserve: (options) => reserve(context, options),
    unreserve: (offerId, transactionId) => context.shelf.unreserve(offerId, transactionId),
    hold: (terms, order) => holdOrder(context, terms, order),
    decide: (terms, order, answer) => decideOrder(context, { terms, order }, answer),
    conclude: (...[buyer, orderId, decision, answer]) =>
      concludeOrder(context, { buyer, orderId }, { decision, answer }),
    deliver: (seller, order, deliveredMilliWh) =>
      deliverOrder(context, seller, { ...order, deliveredMilliWh }),
    measure: (buyer, orderId, receivedMilliWh) => measureOrder(context, buyer, { orderId, receivedMilliWh }),
    cancel: (buyer, orderId) => cancelOrder(context, buyer, orderId),
    annul: (seller, order) => annulOrder(context, seller, order),
    orders: (filter) => orders(context, filter),
    evidence: (transactionId) => evidenceOf(state, transactionId),
    order(agentId, { buyer, orderId }) {
      const half = state.books.get(agentId)?.orders.get(orderKey(buyer, orderId));
      return half === undefined ? undefined : summaryOf(half);
    },
    signedOrder: (agentId, { buyer, orderId }) =>
      state.books.get(agentId)?.orders.get(orderKey(buyer, orderId))?.order,
    setCourier(courier) {
      context.courier = courier;
    },
    onEvent: (fn) => listeners.events.add(fn),
    disagreements: () => [...context.disagreements.values()],
    pending: () => ({ orders: openCount(state), imbalances: state.unreceipted.size }),
    async audit() {
      // Others go on booking while this waits.
      while (journal.durableSeq < state.lastSeq) await journal.durable(state.lastSeq);
      return auditLive(disk, state, context.engine);
    },
    async stop() {
      stack.dispose();
      context.sends.stop();
      await context.watch.stop();
      await context.snapshots.stop();
      await journal.stop();
    },
  };
}

function orders(context: DeskContext, filter: Parameters<TradeDesk["orders"]>[0] = {}) {
  const { agentId, slotId, open } = filter;
  const books =
    agentId === undefined ? [...context.state.books.values()] : [context.state.books.get(agentId)];
  return books
    .flatMap((book) => [...((open === true ? book?.open : book?.orders.values()) ?? [])])
    .filter(
      (half) =>
        (slotId === undefined || half.terms.slotId === slotId) &&
        (open !== false || context.state.books.get(half.agentId)?.open.has(half) === false),
    )
    .map(summaryOf);
}

function openCount(state: DeskState): number {
  let count = 0;
  for (const book of state.books.values()) count += book.open.size;
  return count;
}
