import assert from "node:assert/strict";
import { test } from "node:test";
import { auditBooks } from "@gridmesh/energy";
import * as fc from "fast-check";
import { TestBooks } from "./books.ts";
import type { TestBook } from "./books.ts";

const SLOT = "city/1499850000/3600";
const RETAIL = 250_000;

/** Two homes and a utility; `ann` buys from `bob` and the utility, `bob` feeds the rest in, `eve` refuses once. */
function settled(): TestBooks {
  const books = new TestBooks();
  books.open("ann", { moneyMicro: 100_000_000, energyMilliWh: 0, capacityMilliWh: 0 });
  books.open("bob", { moneyMicro: 100_000_000, energyMilliWh: 1_280_000, capacityMilliWh: 6_400_000 });
  books.open("eve", {
    moneyMicro: 1_000_000_000,
    energyMilliWh: 500_000_000,
    capacityMilliWh: 1_000_000_000,
  });
  books.produce("bob", SLOT, 4_000_000);
  books.trade({
    buyer: "ann",
    seller: "bob",
    slotId: SLOT,
    quantityMilliWh: 1_500_000,
    priceMicroPerKWh: 120_000,
  });
  books.trade({
    buyer: "ann",
    seller: "eve",
    slotId: SLOT,
    quantityMilliWh: 333_333,
    priceMicroPerKWh: RETAIL,
  });
  books.refused({
    buyer: "ann",
    seller: "eve",
    slotId: SLOT,
    quantityMilliWh: 77_000,
    priceMicroPerKWh: RETAIL,
  });
  books.settle("ann", "eve", { slotId: SLOT, quantityMilliWh: 4_321, price: RETAIL });
  books.settle("bob", "eve", { slotId: SLOT, quantityMilliWh: -2_000_000, price: 50_000 });
  books.consume("ann", SLOT, 1_837_654);
  books.lose("bob", SLOT, 10_000);
  return books;
}

test("books that were written by the table of postings agree, to the unit", () => {
  const result = auditBooks(settled().all());
  assert.deepEqual(result.differences, []);
  assert.equal(result.agree, true);
  assert.equal(result.audited, 3);
  assert.equal(result.agreeing, 3);
  assert.equal(result.pairs, 2);
  assert.deepEqual(result.open, []);
  assert.equal(result.unpaired, 0);
  assert.equal(result.conservationErrorMilliWh, 0);
  assert.equal(result.conservationErrorMicro, 0);
});

test("an order under way is listed with both states and is no difference", () => {
  const states = {
    held: "HELD/-",
    accepted: "HELD/ACCEPTED",
    committed: "COMMITTED/ACCEPTED",
    delivered: "COMMITTED/DELIVERED",
    paid: "PAID/DELIVERED",
  } as const;
  for (const until of ["held", "accepted", "committed", "delivered", "paid"] as const) {
    const books = settled();
    const orderId = books.trade(
      { buyer: "ann", seller: "bob", slotId: SLOT, quantityMilliWh: 100_000, priceMicroPerKWh: 120_000 },
      until,
    );
    const result = auditBooks(books.all());
    assert.deepEqual(result.differences, [], until);
    assert.deepEqual(result.open, [
      {
        buyer: "name of ann",
        seller: "name of bob",
        transactionId: `transaction of ${orderId}`,
        orderId,
        state: states[until],
      },
    ]);
  }
});

/** Each takes honest books and changes one thing; the audit must name whom it says, with these words. */
const FORGERIES: readonly {
  readonly title: string;
  readonly forge: (books: TestBooks) => void;
  readonly a: string;
  readonly b: string;
  readonly transaction: boolean;
  readonly what: RegExp;
}[] = [
  {
    title: "money that one side alone writes down",
    forge: (books) => shift(books.book("bob"), "money", { from: "received/ann", to: "available", amount: 1 }),
    a: "name of bob",
    b: "name of ann",
    transaction: true,
    what: /received\/name of ann is -180001, its 1 orders say -180000/,
  },
  {
    title: "a sale whose quantity one side changed, with its accounts",
    forge: (books) => {
      const bob = books.book("bob");
      shift(bob, "energy", { from: "available", to: "out/ann", amount: 5 });
      orderWith(bob, "ann").finalMilliWh = 1_500_005;
    },
    a: "name of ann",
    b: "name of bob",
    transaction: true,
    what: /finalMilliWh is 1500000 for the buyer, 1500005 for the seller/,
  },
  {
    title: "a price that was rewritten",
    forge: (books) => {
      orderWith(books.book("ann"), "bob").priceMicroPerKWh = 110_000;
    },
    a: "name of ann",
    b: "name of bob",
    transaction: true,
    what: /priceMicroPerKWh is 110000 for the buyer, 120000 for the seller/,
  },
  {
    title: "money out of nothing",
    forge: (books) => {
      const { money } = books.book("eve");
      money["available"] = (money["available"] ?? 0) + 1;
    },
    a: "name of eve",
    b: "",
    transaction: false,
    what: /the money accounts sum to 1, not 0/,
  },
  {
    title: "energy out of nothing",
    forge: (books) => {
      const { energy } = books.book("bob");
      energy["available"] = (energy["available"] ?? 0) + 7;
    },
    a: "name of bob",
    b: "",
    transaction: false,
    what: /the energy accounts sum to 7, not 0/,
  },
  {
    title: "an order the seller forgot",
    forge: (books) => {
      const bob = books.book("bob");
      bob.orders = bob.orders.filter((order) => order.counterparty !== "ann");
    },
    a: "name of ann",
    b: "name of bob",
    transaction: true,
    what: /stands at CLOSED\/-/,
  },
  {
    title: "an order the buyer forgot",
    forge: (books) => {
      const ann = books.book("ann");
      ann.orders = ann.orders.filter((order) => order.counterparty !== "bob");
    },
    a: "name of ann",
    b: "name of bob",
    transaction: true,
    what: /stands at -\/SETTLED/,
  },
  {
    title: "ends that do not belong together",
    forge: (books) => {
      const bob = books.book("bob");
      orderWith(bob, "ann").state = "ANNULLED";
      shift(bob, "energy", { from: "out/ann", to: "available", amount: 1_500_000 });
      shift(bob, "money", { from: "available", to: "received/ann", amount: 180_000 });
    },
    a: "name of ann",
    b: "name of bob",
    transaction: true,
    what: /stands at CLOSED\/ANNULLED/,
  },
  {
    title: "a balance that went below nothing",
    forge: (books) =>
      shift(books.book("ann"), "money", { from: "available", to: "opening", amount: 1_000_000_000 }),
    a: "name of ann",
    b: "",
    transaction: false,
    what: /money available is -\d+, below 0/,
  },
  {
    title: "a hold without an order",
    forge: (books) => shift(books.book("ann"), "money", { from: "available", to: "held", amount: 3 }),
    a: "name of ann",
    b: "",
    transaction: false,
    what: /held is 3, the open orders say 0/,
  },
  {
    title: "a promise without an order",
    forge: (books) =>
      shift(books.book("bob"), "energy", { from: "available", to: `committed/${SLOT}`, amount: 3 }),
    a: "name of bob",
    b: "",
    transaction: false,
    what: /committed\/city\/1499850000\/3600 is 3, the accepted orders say 0/,
  },
  {
    title: "a settlement the operator does not have",
    forge: (books) => shift(books.book("ann"), "money", { from: "available", to: "imbalance", amount: 9 }),
    a: "",
    b: "",
    transaction: false,
    what: /imbalance money of all agents and their operator does not cancel: 9 left/,
  },
];

for (const { title, forge, a, b, transaction, what } of FORGERIES) {
  test(`the audit finds ${title} and names who is concerned`, () => {
    const books = settled();
    forge(books);
    const result = auditBooks(books.all());
    assert.equal(result.agree, false);
    const found = result.differences.find((difference) => what.test(difference.what));
    assert.ok(found, `not among ${JSON.stringify(result.differences, null, 1)}`);
    assert.deepEqual({ a: found.a, b: found.b }, { a, b });
    assert.equal(found.transactionId.startsWith("transaction of order-"), transaction);
    assert.equal(result.agreeing < 3 || a === "", true);
  });
}

test("a unit of money or energy lost between two books shows as conservation error", () => {
  const books = settled();
  shift(books.book("bob"), "money", { from: "received/ann", to: "available", amount: 1 });
  shift(books.book("bob"), "energy", { from: "available", to: "out/ann", amount: 4 });
  const result = auditBooks(books.all());
  assert.equal(result.conservationErrorMicro, 1);
  assert.equal(result.conservationErrorMilliWh, 4);
});

test("one book alone is audited without asking its partners, who are counted", () => {
  const result = auditBooks([settled().book("ann")]);
  assert.deepEqual(result.differences, []);
  assert.equal(result.unpaired, 3);
  assert.equal(result.pairs, 0);
  const two = [settled().book("ann"), settled().book("bob")];
  assert.equal(auditBooks(two).agree, false);
  assert.equal(auditBooks(two, { complete: false }).agree, true);
});

test("whatever is traded in whatever order, honest books agree; one changed balance never goes unseen", () => {
  const agents = ["ann", "bob", "eve"] as const;
  const step = fc.record({
    buyer: fc.constantFrom(...agents),
    seller: fc.constantFrom(...agents),
    quantityMilliWh: fc.integer({ min: 1, max: 2_000_000 }),
    priceMicroPerKWh: fc.integer({ min: 0, max: 1_000_000 }),
    refuse: fc.boolean(),
  });
  const change = fc.record({
    agent: fc.constantFrom(...agents),
    index: fc.nat(),
    by: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), change, (steps, forged) => {
      const books = settled();
      for (const { refuse, ...trade } of steps) {
        if (trade.buyer === trade.seller) continue;
        if (refuse) books.refused({ ...trade, slotId: SLOT });
        else {
          books.produce(trade.seller, SLOT, trade.quantityMilliWh);
          books.trade({ ...trade, slotId: SLOT });
        }
      }
      assert.deepEqual(auditBooks(books.all()).differences, []);
      const { energy } = books.book(forged.agent);
      const accounts = Object.keys(energy).sort();
      const account = accounts[forged.index % accounts.length] ?? "available";
      energy[account] = (energy[account] ?? 0) + forged.by;
      assert.equal(auditBooks(books.all()).agree, false);
    }),
    { numRuns: 100 },
  );
});

/** Moves `amount` within a book, so that its own sum stays 0. */
function shift(
  book: TestBook,
  unit: "money" | "energy",
  move: { readonly from: string; readonly to: string; readonly amount: number },
): void {
  book[unit][move.from] = (book[unit][move.from] ?? 0) - move.amount;
  book[unit][move.to] = (book[unit][move.to] ?? 0) + move.amount;
}

function orderWith(book: TestBook, counterparty: string): TestBook["orders"][number] {
  const order = book.orders.find((candidate) => candidate.counterparty === counterparty);
  if (order === undefined) throw new Error(`no order with ${counterparty}`);
  return order;
}
