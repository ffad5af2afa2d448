import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import {
  amountMicro,
  isEndPair,
  isOrderOpen,
  type JournalRecord,
  messageSchemas,
  mulDiv,
  nextBuyerState,
  nextSellerState,
  orderKey,
  postings,
  type RecordedTerms,
  tradeMessageSchemas,
} from "../src/index.ts";

const buyer = "ed25519:FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF";
const seller = "ed25519:4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS";
const slotId = "home/1800000000/3600";
const base = { seq: 1, atMs: 0, agent: buyer };
const key = orderKey(buyer, "o");

function terms(quantityMilliWh: number, priceMicroPerKWh: number, feesMicro: number): RecordedTerms {
  return {
    orderId: "o",
    transactionId: "t",
    offerId: "f",
    offerEpoch: "e",
    buyer,
    buyerPeerId: "p",
    seller,
    sellerPeerId: "q",
    slotId,
    quantityMilliWh,
    priceMicroPerKWh,
    amountMicro: amountMicro(quantityMilliWh, priceMicroPerKWh),
    buyerFeesMicro: feesMicro,
    sellerFeesMicro: feesMicro,
    currency: "USD",
    untilMs: 1,
    delivery: "slot",
  };
}

/** Balances after these records, by unit and account. */
function balances(records: readonly JournalRecord[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const record of records) {
    let [money, energy] = [0, 0];
    for (const { unit, account, amount } of postings(record)) {
      if (unit === "money") money += amount;
      else energy += amount;
      found[`${unit} ${account}`] = (found[`${unit} ${account}`] ?? 0) + amount;
    }
    assert.deepEqual([money, energy], [0, 0], record.kind);
  }
  return Object.fromEntries(Object.entries(found).filter(([, amount]) => amount !== 0));
}

const anyTrade = fc
  .record({
    quantity: fc.integer({ min: 1, max: 10 ** 9 }),
    price: fc.integer({ min: 0, max: 10 ** 9 }),
    fees: fc.integer({ min: 0, max: 10 ** 9 }),
  })
  .chain((trade) =>
    fc.record({ trade: fc.constant(trade), delivered: fc.integer({ min: 0, max: trade.quantity }) }),
  )
  .chain(({ trade, delivered }) =>
    fc.record({
      trade: fc.constant({ ...trade, delivered }),
      final: fc.integer({ min: 0, max: delivered }),
    }),
  );

test("any trade sums to 0 in each record and leaves nothing held, committed or under way but the difference", () => {
  fc.assert(
    fc.property(anyTrade, ({ trade: { quantity, price, fees, delivered }, final }) => {
      const contract = terms(quantity, price, fees);
      const amount = amountMicro(final, price);
      const feesMicro = mulDiv(fees, final, quantity);
      const heldMicro = contract.amountMicro + fees;
      const order = { orderHash: "h", order: { header: "", body: "" } };
      const bought = balances([
        { ...base, ...order, kind: "hold", terms: contract },
        {
          ...base,
          kind: "receive",
          key,
          seller,
          area: "home",
          finalMilliWh: final,
          amountMicro: amount,
          feesMicro,
          heldMicro,
        },
      ]);
      const answer = { answer: order.order, contractId: "c" };
      const sold = balances([
        { ...base, ...order, ...answer, agent: seller, kind: "accept", terms: contract },
        {
          ...base,
          kind: "deliver",
          agent: seller,
          key,
          buyer,
          slotId,
          quantityMilliWh: quantity,
          deliveredMilliWh: delivered,
        },
        {
          ...base,
          kind: "credit",
          agent: seller,
          key,
          buyer,
          area: "home",
          slotId,
          deliveredMilliWh: delivered,
          finalMilliWh: final,
          amountMicro: amount,
          feesMicro,
        },
      ]);
      assert.equal(bought["money held"], undefined);
      assert.equal(sold[`energy committed/${slotId}`], undefined);
      assert.equal((bought[`money paid/${seller}`] ?? 0) + (sold[`money received/${buyer}`] ?? 0), 0);
      assert.equal((bought[`energy in/${seller}`] ?? 0) + (sold[`energy out/${buyer}`] ?? 0), 0);
      assert.equal(sold[`energy imbalance/${slotId}`] ?? 0, delivered - final);
    }),
    { numRuns: 2_000 },
  );
});

test("a release and a void give back exactly what was set aside", () => {
  const contract = terms(7, 333_333, 5);
  const order = { orderHash: "h", order: { header: "", body: "" } };
  const answer = { header: "", body: "" };
  const heldMicro = contract.amountMicro + 5;
  assert.deepEqual(
    balances([
      { ...base, ...order, kind: "hold", terms: contract },
      { ...base, kind: "release", key, reason: "ORDER_REJECTED", heldMicro, answer },
    ]),
    {},
  );
  assert.deepEqual(
    balances([
      { ...base, ...order, answer, contractId: "c", kind: "accept", terms: contract },
      { ...base, kind: "void", key, reason: "cancelled", slotId, quantityMilliWh: 7 },
    ]),
    {},
  );
});

test("an imbalance moves the opposite in the two books", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), (quantityMilliWh) => {
      const amount = amountMicro(quantityMilliWh, 250_000);
      const entry = {
        ...base,
        kind: "imbalance",
        counterparty: seller,
        counterpartyPeerId: "q",
        slotId,
        priceMicroPerKWh: 250_000,
      } as const;
      const own = balances([{ ...entry, side: "agent", quantityMilliWh, amountMicro: amount }]);
      const other = balances([
        { ...entry, side: "operator", quantityMilliWh: -quantityMilliWh, amountMicro: -amount },
      ]);
      assert.deepEqual(Object.keys(own).toSorted(), Object.keys(other).toSorted());
      for (const account of Object.keys(own)) assert.equal((own[account] ?? 0) + (other[account] ?? 0), 0);
    }),
  );
});

test("the tables lead only from state to state of the two machines", () => {
  const walk = [
    nextBuyerState("NONE", "hold"),
    nextBuyerState("HELD", "commit"),
    nextBuyerState("COMMITTED", "receive"),
    nextBuyerState("PAID", "close"),
    nextBuyerState("HELD", "receive"),
    nextBuyerState("HELD", "release"),
    nextSellerState("NONE", "accept"),
    nextSellerState("ACCEPTED", "deliver"),
    nextSellerState("DELIVERED", "credit"),
    nextSellerState("NONE", "reject"),
    nextSellerState("ACCEPTED", "void"),
  ];
  assert.deepEqual(walk, [
    "HELD",
    "COMMITTED",
    "PAID",
    "CLOSED",
    "PAID",
    "RELEASED",
    "ACCEPTED",
    "DELIVERED",
    "SETTLED",
    "REJECTED",
    "ANNULLED",
  ]);
  for (const step of ["hold", "commit", "release", "receive", "close"] as const) {
    assert.equal(nextBuyerState("CLOSED", step), undefined);
    assert.equal(nextBuyerState("RELEASED", step), undefined);
  }
  for (const step of ["accept", "reject", "deliver", "credit", "void"] as const) {
    assert.equal(nextSellerState("SETTLED", step), undefined);
    assert.equal(nextSellerState("REJECTED", step), undefined);
    assert.equal(nextSellerState("ANNULLED", step), undefined);
  }
  assert.equal(nextSellerState("DELIVERED", "void"), undefined);
  assert.equal(nextBuyerState("PAID", "release"), undefined);
  assert.deepEqual(
    [isOrderOpen("HELD"), isOrderOpen("PAID"), isOrderOpen("CLOSED"), isOrderOpen("REJECTED")],
    [true, true, false, false],
  );
  assert.deepEqual(
    [isEndPair("CLOSED", "SETTLED"), isEndPair("RELEASED", "REJECTED"), isEndPair("RELEASED", "SETTLED")],
    [true, true, false],
  );
});

test("trade messages carry 1 to 8 documents, ask for up to 64 orders, and nothing else", () => {
  const receipt = {
    type: "trade_receipt",
    version: "1.1",
    orderId: "o",
    orderHash: `sha256:${"0".repeat(64)}`,
    buyer,
    seller,
    signedAtMs: 1,
    signature: "A".repeat(86) + "==",
    amountMicro: 5,
  };
  const send = (documents: unknown) => tradeMessageSchemas.trade_send.safeParse({ documents }).success;
  assert.equal(send([receipt]), true);
  assert.equal(send(Array.from({ length: 8 }, () => receipt)), true);
  assert.equal(send(Array.from({ length: 9 }, () => receipt)), false);
  assert.equal(send([]), false);
  assert.equal(send([{ ...receipt, amountMicro: -1 }]), false);
  assert.equal(send([{ ...receipt, amountMicro: 0.5 }]), false);
  assert.equal(send([{ ...receipt, extra: 1 }]), false);
  assert.equal(send([{ ...receipt, type: "trade_gift" }]), false);
  assert.equal(send([{ ...receipt, buyer: "ed25519:0" }]), false);
  const query = (orderIds: unknown) => tradeMessageSchemas.trade_query.safeParse({ orderIds }).success;
  assert.equal(query(Array(64).fill("o")), true);
  assert.equal(query(Array(65).fill("o")), false);
  assert.equal(messageSchemas.get("trade_send")?.signerField, "sender_id");
});
