/** One record's effect on the books: the same live and in recovery, without clock, disk or network. */

import { strict as assert } from "node:assert";
import {
  type BuyerStep,
  isOrderOpen,
  type JournalRecord,
  nextBuyerState,
  nextSellerState,
  orderKey,
  type BuyerState,
  postings,
  type RecordKind,
  type RecordOf,
  type SellerState,
  type SellerStep,
} from "@gridmesh/protocol";
import { type Book, type DeskState, HOUR_MS, type OrderHalf, type Partner } from "./state.ts";

/** Seconds a nonce must be remembered: twice the freshness window, and a little. */
const NONCE_S = 180;

/** Books one record; skips what was booked before. */
export function apply(state: DeskState, record: JournalRecord): void {
  if (record.seq <= state.lastSeq) return;
  assert.equal(record.seq, state.lastSeq + 1, "records follow each other");
  // Each step takes the record of its own kind; the compiler cannot follow that through the lookup.
  const step = steps[record.kind] as (state: DeskState, record: JournalRecord) => void;
  if (record.kind !== "open") post(state, record);
  step(state, record);
  state.lastSeq = record.seq;
  if (record.nonce !== undefined) rememberNonce(state, record.nonce);
}

type Step<K extends RecordKind> = (state: DeskState, record: RecordOf<K>) => void;

const steps: { readonly [K in RecordKind]: Step<K> } = {
  boot(state, record) {
    assert(state.boot === undefined, "a journal begins once");
    state.boot = record;
  },
  open(state, record) {
    assert(!state.books.has(record.agent), "a book opens once");
    state.books.set(record.agent, emptyBook(record));
    post(state, record);
  },
  succeed(state, record) {
    const { agent, successor } = record;
    const book = bookOf(state, agent);
    assert(!state.books.has(successor), "a book has one key");
    assert(book.open.size === 0, "no order is open while a key is handed over");
    const orders = [...book.orders].map(([key, half]) => [key, { ...half, agentId: successor }] as const);
    state.books.delete(agent);
    state.books.set(successor, { ...book, agentId: successor, orders: new Map(orders) });
    // They were signed by a key that counts no more.
    for (const offer of state.offers.values()) if (offer.agentId === agent) offer.withdrawn = true;
  },
  offer(state, record) {
    const { agent, offerId, slotId, quantityMilliWh, priceMicroPerKWh, currency, untilMs, seq } = record;
    state.offers.set(offerId, {
      offerId,
      agentId: agent,
      slotId,
      quantityMilliWh,
      priceMicroPerKWh,
      currency,
      untilMs,
      seq,
      soldMilliWh: 0,
      withdrawn: false,
    });
  },
  withdraw(state, record) {
    const offer = state.offers.get(record.offerId);
    assert(offer !== undefined, "an offer is withdrawn after it was made");
    offer.withdrawn = true;
  },
  hold(state, record) {
    const book = bookOf(state, record.agent);
    const half = openHalf(book, record, { role: "buyer", state: "HELD" });
    const { terms, atMs } = record;
    half.heldMicro = terms.amountMicro + terms.buyerFeesMicro;
    book.openPurchasesMilliWh += terms.quantityMilliWh;
    add(book.purchased, terms.slotId, terms.quantityMilliWh);
    const { spending } = book;
    spending.holds.set(half.key, { atMs, micro: half.heldMicro });
    spending.micro += half.heldMicro;
    for (const [key, hold] of spending.holds) {
      if (hold.atMs > atMs - HOUR_MS) break;
      forgetSpending(book, key);
    }
  },
  commit(state, record) {
    const { half } = stepBuyer(state, record, "commit");
    half.answer = record.answer;
    half.contractId = record.contractId;
  },
  release(state, record) {
    const { book, half } = stepBuyer(state, record, "release");
    assert.equal(record.heldMicro, half.heldMicro, "a release frees what was on hold");
    half.answer = record.answer;
    half.reason = record.reason;
    half.heldMicro = 0;
    book.openPurchasesMilliWh -= half.terms.quantityMilliWh;
    add(book.purchased, half.terms.slotId, -half.terms.quantityMilliWh);
    forgetSpending(book, half.key);
  },
  receive(state, record) {
    const { book, half } = stepBuyer(state, record, "receive");
    assert.equal(record.heldMicro, half.heldMicro, "a payment ends its own hold");
    assert(record.amountMicro + record.feesMicro <= half.heldMicro, "no more is paid than was on hold");
    half.deliveredMilliWh = record.finalMilliWh;
    half.finalMilliWh = record.finalMilliWh;
    half.finalAmountMicro = record.amountMicro;
    half.heldMicro = 0;
    book.openPurchasesMilliWh -= half.terms.quantityMilliWh;
    add(book.purchased, half.terms.slotId, record.finalMilliWh - half.terms.quantityMilliWh);
  },
  close(state, record) {
    const { book, half } = stepBuyer(state, record, "close");
    partnerOf(book, half.terms.seller).settled += 1;
  },
  accept(state, record) {
    const book = bookOf(state, record.agent);
    const half = openHalf(book, record, { role: "seller", state: "ACCEPTED" });
    half.answer = record.answer;
    half.contractId = record.contractId;
    const offer = state.offers.get(record.terms.offerId);
    assert(offer !== undefined, "an accepted order names an offer of the book");
    offer.soldMilliWh += record.terms.quantityMilliWh;
    assert(offer.soldMilliWh <= offer.quantityMilliWh, "an offer is sold once");
    add(book.sold, record.terms.slotId, record.terms.quantityMilliWh);
  },
  reject(state, record) {
    const half = openHalf(bookOf(state, record.agent), record, { role: "seller", state: "REJECTED" });
    half.answer = record.answer;
    half.contractId = record.contractId;
    half.reason = record.reason;
  },
  measure(state, record) {
    const { half } = halfOf(state, record);
    assert(half.role === "buyer" && half.measuredMilliWh === null, "the buyer measures once");
    half.measuredMilliWh = record.receivedMilliWh;
    half.lastSeq = record.seq;
  },
  dispute(state, record) {
    const { half } = halfOf(state, record);
    if (half.role === "buyer") stepBuyer(state, record, "dispute");
    else stepSeller(state, record, "dispute");
  },
  cancel(state, record) {
    const { half } = halfOf(state, record);
    assert(half.role === "buyer" && isOrderOpen(half.state), "an open order is cancelled by its buyer");
    keepDocuments(half, record);
    half.lastSeq = record.seq;
  },
  forestall(state, record) {
    const { orders, forestalled } = bookOf(state, record.agent);
    const [cancel, annulment] = record.documents ?? [];
    assert(!orders.has(record.key) && !forestalled.has(record.key), "only what never came is forestalled");
    assert(cancel !== undefined && annulment !== undefined, "it is kept with its reason and its answer");
    forestalled.set(record.key, { cancel, annulment, lastSeq: record.seq });
  },
  void(state, record) {
    const { book, half } = stepSeller(state, record, "void");
    half.reason = record.reason;
    const offer = state.offers.get(half.terms.offerId);
    if (offer !== undefined) offer.soldMilliWh -= half.terms.quantityMilliWh;
    add(book.sold, half.terms.slotId, -half.terms.quantityMilliWh);
  },
  deliver(state, record) {
    const { half } = stepSeller(state, record, "deliver");
    half.deliveredMilliWh = record.deliveredMilliWh;
  },
  credit(state, record) {
    const { book, half } = stepSeller(state, record, "credit");
    half.finalMilliWh = record.finalMilliWh;
    half.finalAmountMicro = record.amountMicro;
    partnerOf(book, half.terms.buyer).settled += 1;
  },
  evidence(state, record) {
    const half = halfOf(state, record).half;
    half.evidence += 1;
    half.lastSeq = record.seq;
  },
  produce: keepEnergyRecord,
  consume: keepEnergyRecord,
  loss: keepEnergyRecord,
  imbalance(state, record) {
    const book = bookOf(state, record.agent);
    const key = imbalanceKey(record.counterparty, record.slotId);
    assert(!book.imbalances.has(key), "one imbalance per agent and slot");
    const imbalance = { record, receipt: record.documents?.[1], lastSeq: record.seq };
    book.imbalances.set(key, imbalance);
    if (record.side === "agent") state.unreceipted.add(imbalance);
  },
  imbalance_receipt(state, record) {
    const imbalance = bookOf(state, record.agent).imbalances.get(
      imbalanceKey(record.counterparty, record.slotId),
    );
    assert(imbalance !== undefined, "a receipt follows its statement");
    imbalance.receipt = record.documents?.[0];
    imbalance.lastSeq = record.seq;
    state.unreceipted.delete(imbalance);
  },
  statement(state, record) {
    partnerOf(bookOf(state, record.agent), record.counterparty).statements.push(record);
  },
};

export function imbalanceKey(counterparty: string, slotId: string): string {
  return `${counterparty} ${slotId}`;
}

export function energyKey(kind: "produce" | "consume" | "loss", key: string): string {
  return `${kind} ${key}`;
}

function keepEnergyRecord(state: DeskState, record: RecordOf<"produce">): void {
  const { energyRecords } = bookOf(state, record.agent);
  const key = energyKey(record.kind, record.key);
  assert(!energyRecords.has(key), "one energy record per kind and key");
  energyRecords.set(key, record);
}

function emptyBook(record: RecordOf<"open">): Book {
  return {
    agentId: record.agent,
    name: record.name,
    capacityMilliWh: record.capacityMilliWh,
    money: new Map(),
    energy: new Map(),
    entries: 0,
    orders: new Map(),
    open: new Set(),
    forestalled: new Map(),
    energyRecords: new Map(),
    imbalances: new Map(),
    openPurchasesMilliWh: 0,
    purchased: new Map(),
    sold: new Map(),
    spending: { holds: new Map(), micro: 0 },
    partners: new Map(),
  };
}

/** Double entry: the lines of a record go into the book of its agent and sum to 0 in each unit. */
function post(state: DeskState, record: JournalRecord): void {
  const lines = postings(record);
  if (lines.length === 0 || record.kind === "boot") return;
  const book = bookOf(state, record.agent);
  let money = 0;
  let energy = 0;
  for (const { unit, account, amount } of lines) {
    if (unit === "money") money += amount;
    else energy += amount;
    add(unit === "money" ? book.money : book.energy, account, amount);
  }
  assert(money === 0 && energy === 0, "a record sums to 0");
  book.entries += lines.length;
}

function openHalf(
  book: Book,
  record: RecordOf<"hold"> | RecordOf<"accept"> | RecordOf<"reject">,
  as: { readonly role: "buyer" | "seller"; readonly state: BuyerState | SellerState },
): OrderHalf {
  const { terms, orderHash, order, atMs, seq } = record;
  const key = orderKey(terms.buyer, terms.orderId);
  assert(!book.orders.has(key), "an order opens once in a book");
  const half: OrderHalf = {
    key,
    role: as.role,
    agentId: book.agentId,
    terms,
    orderHash,
    order,
    state: as.state,
    answer: undefined,
    contractId: undefined,
    reason: undefined,
    heldMicro: 0,
    deliveredMilliWh: null,
    measuredMilliWh: null,
    finalMilliWh: null,
    finalAmountMicro: null,
    documents: {},
    evidence: 0,
    createdAtMs: atMs,
    updatedAtMs: atMs,
    lastSeq: seq,
  };
  book.orders.set(key, half);
  const { buyer, buyerPeerId, seller, sellerPeerId } = terms;
  if (as.role === "buyer") partnerOf(book, seller).peerId = sellerPeerId;
  else partnerOf(book, buyer).peerId = buyerPeerId;
  if (isOrderOpen(half.state)) book.open.add(half);
  return half;
}

function partnerOf(book: Book, agentId: string): Partner {
  const known = book.partners.get(agentId);
  if (known !== undefined) return known;
  const partner: Partner = { peerId: "", settled: 0, statements: [] };
  book.partners.set(agentId, partner);
  return partner;
}

type StepRecord = Extract<JournalRecord, { readonly key: string; readonly agent: string }>;

function halfOf(state: DeskState, record: StepRecord): { readonly book: Book; readonly half: OrderHalf } {
  const book = bookOf(state, record.agent);
  const half = book.orders.get(record.key);
  assert(half !== undefined, "a step follows the opening of its order");
  return { book, half };
}

function stepBuyer(state: DeskState, record: StepRecord, step: BuyerStep) {
  const found = halfOf(state, record);
  assert(found.half.role === "buyer", "a buyer's step in a buyer's order");
  return advance(found, record, nextBuyerState(found.half.state as BuyerState, step));
}

function stepSeller(state: DeskState, record: StepRecord, step: SellerStep) {
  const found = halfOf(state, record);
  assert(found.half.role === "seller", "a seller's step in a seller's order");
  return advance(found, record, nextSellerState(found.half.state as SellerState, step));
}

function advance(
  found: { readonly book: Book; readonly half: OrderHalf },
  record: StepRecord,
  next: BuyerState | SellerState | undefined,
) {
  const { book, half } = found;
  assert(next !== undefined, `${record.kind} in state ${half.state}`);
  half.state = next;
  half.updatedAtMs = record.atMs;
  half.lastSeq = record.seq;
  keepDocuments(half, record);
  if (!isOrderOpen(next)) book.open.delete(half);
  return found;
}

function keepDocuments(half: OrderHalf, { documents }: StepRecord): void {
  for (const document of documents ?? []) Object.assign(half.documents, { [document.type]: document });
}

function forgetSpending(book: Book, key: string): void {
  const hold = book.spending.holds.get(key);
  if (hold === undefined) return;
  book.spending.micro -= hold.micro;
  book.spending.holds.delete(key);
}

function rememberNonce(state: DeskState, nonce: { signer: string; nonce: string; timestamp: number }): void {
  state.nonces.push(nonce);
  const first = state.nonces[0];
  // Half of the list goes at once: dropping one by one would copy it at every record.
  if (first !== undefined && first.timestamp < nonce.timestamp - 2 * NONCE_S) {
    state.nonces = state.nonces.filter((known) => known.timestamp >= nonce.timestamp - NONCE_S);
  }
}

function bookOf(state: DeskState, agent: string): Book {
  const book = state.books.get(agent);
  assert(book !== undefined, "a record names an open book");
  return book;
}

function add(accounts: Map<string, number>, account: string, amount: number): void {
  const sum = (accounts.get(account) ?? 0) + amount;
  assert(Number.isSafeInteger(sum), "balances are safe integers");
  accounts.set(account, sum);
}
