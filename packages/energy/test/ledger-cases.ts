/** A long random journal of several agents, and what its books must come to. */

import assert from "node:assert/strict";
import { imbalanceOf, settleThreeRounds, shareMeter } from "@gridmesh/energy";
import { amountMicro, type JournalRecord, postings, type RecordedTerms } from "@gridmesh/protocol";
import type { Dice } from "./book-cases.ts";

const AREA = "city";
const NO_BYTES = { header: "", body: "" };
const TARIFF = { retailMicroPerKWh: 250_000, feedInMicroPerKWh: 50_000 };
const OPERATOR = "operator";

type Draft = JournalRecord extends infer R
  ? R extends JournalRecord
    ? Omit<R, "seq" | "atMs">
    : never
  : never;
type Books = Map<string, Map<string, number>>;

/** Writes one record into the books; every record sums to 0 in each unit. */
function write(books: Books, record: JournalRecord): void {
  if (record.kind === "boot") return;
  const book = books.get(record.agent) ?? new Map<string, number>();
  books.set(record.agent, book);
  const sums = { money: 0, energy: 0 };
  for (const { unit, account, amount } of postings(record)) {
    sums[unit] += amount;
    book.set(`${unit} ${account}`, (book.get(`${unit} ${account}`) ?? 0) + amount);
  }
  assert.deepEqual(sums, { money: 0, energy: 0 }, record.kind);
}

class Journal {
  readonly books: Books = new Map();
  readonly lines: string[] = [];
  records = 0;

  write(draft: Draft): void {
    this.records += 1;
    const record = { ...draft, seq: this.records, atMs: this.records } as JournalRecord;
    write(this.books, record);
    this.lines.push(JSON.stringify(record));
  }
}

interface Contract {
  readonly terms: RecordedTerms;
  readonly key: string;
}

/** A slot: contracts, some given up, the rest delivered in part, paid in part, and what is left settled as imbalance. */
function slot(journal: Journal, roll: Dice, number: number): void {
  const slotId = `${AREA}/${number * 900}/900`;
  const agents = ["a0", "a1", "a2", "a3", "a4"];
  const contracts: Contract[] = [];
  for (let trade = 0; trade < 6; trade += 1) {
    const buyer = agents[roll(5)]!;
    const seller = agents[roll(5)]!;
    if (buyer === seller) continue;
    const orderId = `o${number}-${trade}`;
    const quantityMilliWh = 1 + roll(5_000_000);
    const priceMicroPerKWh = 50_000 + roll(200_000);
    const fee = roll(10_000);
    const terms: RecordedTerms = {
      orderId,
      transactionId: "t",
      offerId: "offer",
      offerEpoch: "e",
      buyer,
      buyerPeerId: buyer,
      seller,
      sellerPeerId: seller,
      slotId,
      quantityMilliWh,
      priceMicroPerKWh,
      amountMicro: amountMicro(quantityMilliWh, priceMicroPerKWh),
      buyerFeesMicro: amountMicro(quantityMilliWh, fee),
      sellerFeesMicro: amountMicro(quantityMilliWh, fee),
      currency: "INR",
      untilMs: 1,
      delivery: "slot",
    };
    const key = `${buyer}/${orderId}`;
    const signed = { orderHash: "", order: NO_BYTES };
    journal.write({ kind: "hold", agent: buyer, terms, ...signed });
    if (roll(6) === 0) {
      const heldMicro = terms.amountMicro + terms.buyerFeesMicro;
      journal.write({ kind: "release", agent: buyer, key, reason: "r", heldMicro, answer: NO_BYTES });
      continue;
    }
    journal.write({ kind: "accept", agent: seller, terms, ...signed, answer: NO_BYTES, contractId: "c" });
    contracts.push({ terms, key });
  }
  settle(journal, roll, { slotId, contracts, agents });
}

function settle(
  journal: Journal,
  roll: Dice,
  {
    slotId,
    contracts,
    agents,
  }: { slotId: string; contracts: readonly Contract[]; agents: readonly string[] },
): void {
  const trades = contracts.map(({ terms, key }) => ({
    tradeId: key,
    buyer: terms.buyer,
    seller: terms.seller,
    qtyMilliWh: terms.quantityMilliWh,
  }));
  const meter = () => new Map(agents.map((agent) => [agent, roll(8_000_000)]));
  const meters = { taken: meter(), given: meter() };
  const settled = settleThreeRounds(trades, meters);
  const byAgent = new Map<string, number>();
  for (const [seller, own] of Map.groupBy(trades, (trade) => trade.seller)) {
    for (const [tradeId, part] of shareMeter(meters.given.get(seller) ?? 0, own)) byAgent.set(tradeId, part);
  }
  for (const { terms, key } of contracts) {
    const { buyer, seller, quantityMilliWh, priceMicroPerKWh } = terms;
    const deliveredMilliWh = byAgent.get(key) ?? 0;
    const finalMilliWh = settled.get(key) ?? 0;
    const paidMicro = amountMicro(finalMilliWh, priceMicroPerKWh);
    const part = (fees: number) => Math.min(fees, amountMicro(finalMilliWh, 10_000));
    const heldMicro = terms.amountMicro + terms.buyerFeesMicro;
    const final = { area: AREA, finalMilliWh, amountMicro: paidMicro };
    journal.write({ kind: "deliver", agent: seller, key, buyer, slotId, quantityMilliWh, deliveredMilliWh });
    journal.write({
      kind: "receive",
      agent: buyer,
      key,
      seller,
      heldMicro,
      ...final,
      feesMicro: part(terms.buyerFeesMicro),
    });
    journal.write({
      kind: "credit",
      agent: seller,
      key,
      buyer,
      slotId,
      deliveredMilliWh,
      ...final,
      feesMicro: part(terms.sellerFeesMicro),
    });
  }
  for (const agent of agents) balance(journal, roll, { agent, slotId });
}

/** What the sun gave, the house took and nobody had sold. */
function balance(journal: Journal, roll: Dice, { agent, slotId }: { agent: string; slotId: string }): void {
  journal.write({ kind: "produce", agent, key: slotId, quantityMilliWh: roll(3_000_000) });
  journal.write({ kind: "consume", agent, key: slotId, quantityMilliWh: roll(3_000_000) });
  journal.write({ kind: "loss", agent, key: slotId, quantityMilliWh: roll(1_000) });
  const flows = { meteredMilliWh: roll(2_000_000) - 1_000_000, contractedMilliWh: 0, declaredMilliWh: 0 };
  const { qtyMilliWh, priceMicroPerKWh, amountMicro: owed } = imbalanceOf(flows, TARIFF);
  for (const [side, sign, own, counterparty] of [
    ["agent", 1, agent, OPERATOR],
    ["operator", -1, OPERATOR, agent],
  ] as const) {
    journal.write({
      kind: "imbalance",
      agent: own,
      side,
      counterparty,
      counterpartyPeerId: counterparty,
      slotId,
      quantityMilliWh: sign * qtyMilliWh,
      priceMicroPerKWh,
      amountMicro: sign * owed,
    });
  }
}

function total(books: Books, isWanted: (name: string) => boolean): number {
  let sum = 0;
  for (const book of books.values()) for (const [name, value] of book) if (isWanted(name)) sum += value;
  return sum;
}

/** Writes at least so many records and checks the books. Returns what they hold. */
export function checkLedger(roll: Dice, least: number): { records: number; slots: number; accounts: number } {
  const journal = new Journal();
  const opening = { moneyMicro: 1_000_000_000, energyMilliWh: 50_000_000, capacityMilliWh: 100_000_000 };
  for (const agent of ["a0", "a1", "a2", "a3", "a4", OPERATOR])
    journal.write({ kind: "open", agent, name: agent, ...opening });
  let slots = 0;
  for (; journal.records < least; slots += 1) slot(journal, roll, slots);
  const { books } = journal;
  for (const unit of ["money", "energy"]) {
    for (const [agent, book] of books) {
      let sum = 0;
      for (const [name, value] of book) if (name.startsWith(unit)) sum += value;
      assert.equal(sum, 0, `${unit} of ${agent}`);
    }
  }
  // Everything is paid, delivered and settled: what two hold of each other cancels.
  for (const pair of [/^money (?:paid|received)\//, /^energy (?:out|in)\//, /^money imbalance/])
    assert.equal(
      total(books, (name) => pair.test(name)),
      0,
      String(pair),
    );
  for (const settled of [/^money held/, /^energy committed\//])
    for (const book of books.values())
      for (const [name, value] of book) if (settled.test(name)) assert.equal(value, 0, name);
  const own = (name: string) => name === "money available" || name.startsWith("money fees/");
  assert.equal(total(books, own), 6 * opening.moneyMicro, "no money comes or goes");
  const again: Books = new Map();
  for (const line of journal.lines) write(again, JSON.parse(line) as JournalRecord);
  assert.deepEqual(again, books, "the journal read again makes other books");
  return {
    records: journal.records,
    slots,
    accounts: [...books.values()].reduce((sum, { size }) => sum + size, 0),
  };
}
