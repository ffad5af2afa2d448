import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BookCommand,
  type BookEvent,
  bookEventHash,
  type BookOrder,
  ContinuousBook,
  replayTape,
} from "@gridmesh/energy";
import { isProtocolError } from "@gridmesh/protocol";
import { dice } from "./book-cases.ts";
import { checkTape, start } from "./tape-cases.ts";

/** `npm run campaign:books` takes 2,000. */
const TAPES = 120;

function order(fields: Partial<BookOrder> & Pick<BookOrder, "orderId" | "side">): BookOrder {
  return {
    agentId: fields.orderId,
    qtyMilliWh: 10,
    limitMicroPerKWh: 50,
    minFillMilliWh: 0,
    type: "limit",
    tif: "gtd",
    postOnly: false,
    expiresS: 700,
    ...fields,
  };
}

function bookOf(...orders: readonly BookOrder[]): {
  book: ContinuousBook;
  place: (one: BookOrder, atS?: number) => Brief;
} {
  const book = new ContinuousBook(start.rules);
  const place = (one: BookOrder, atS = 1): Brief => {
    const { trades, restingMilliWh, cancelledMilliWh } = book.apply({ kind: "place", atS, order: one });
    return {
      trades: trades.map((trade) => [trade.bidId, trade.askId, trade.qtyMilliWh, trade.priceMicroPerKWh]),
      resting: restingMilliWh,
      cancelled: cancelledMilliWh,
    };
  };
  for (const one of orders) place(one, 0);
  return { book, place };
}

interface Brief {
  readonly trades: readonly (readonly (string | number)[])[];
  readonly resting: number;
  readonly cancelled: number;
}

test("random days go as in a book that sorts everything anew, and the tape plays them again", () => {
  const seen = { trades: 0, refused: 0, expired: 0, events: 0 };
  for (let seed = 0; seed < TAPES; seed += 1) checkTape(dice(seed), seen);
  assert.ok(seen.trades > 10 * TAPES && seen.expired > TAPES && seen.refused > TAPES, JSON.stringify(seen));
});

test("a tape with an event changed, left out or out of turn is refused where it went wrong", () => {
  const events = checkTape(dice(7), { trades: 0, refused: 0, expired: 0, events: 0 });
  const at = events.findIndex(({ outcome }) => outcome.trades.length > 0);
  const event = events[at]!;
  const [trade] = event.outcome.trades;
  assert.ok(trade !== undefined);
  const dearer = { ...trade, priceMicroPerKWh: trade.priceMicroPerKWh + 5 };
  const changed = { ...event, outcome: { ...event.outcome, trades: [dearer] } };
  for (const [tape, seq] of [
    [events.with(at, changed), at + 1],
    [events.toSpliced(at, 1), at + 1],
    [events.with(at, events[at + 1]!).with(at + 1, event), at + 1],
    [chained(events.toSpliced(at, 1)), undefined],
  ] as const) {
    assert.throws(
      () => replayTape(tape, start),
      (error) =>
        isProtocolError(error) &&
        error.code === "VERIFICATION_FAILED" &&
        (seq === undefined || error.data?.["seq"] === seq),
    );
  }
});

/** Numbers and hashes made to fit again: what is left is that the book would not have done it. */
function chained(events: readonly BookEvent[]): BookEvent[] {
  let prevHash = "0".repeat(64);
  return events.map((event, index) => {
    const linked = { ...event, seq: index + 1, prevHash };
    prevHash = bookEventHash(linked);
    return linked;
  });
}

test("the best price trades first, then who came first, at the price that rested", () => {
  const { place } = bookOf(
    order({ orderId: "late", side: "ask", limitMicroPerKWh: 45 }),
    order({ orderId: "best", side: "ask", limitMicroPerKWh: 40 }),
    order({ orderId: "later", side: "ask", limitMicroPerKWh: 45 }),
  );
  assert.deepEqual(place(order({ orderId: "b", side: "bid", qtyMilliWh: 25 })).trades, [
    ["b", "best", 10, 40],
    ["b", "late", 10, 45],
    ["b", "later", 5, 45],
  ]);
});

test("ioc cancels its rest, fok trades whole or not at all, a least fill likewise", () => {
  const ask = order({ orderId: "a", side: "ask" });
  const bid = order({ orderId: "b", side: "bid", qtyMilliWh: 15 });
  assert.deepEqual(bookOf(ask).place({ ...bid, tif: "ioc" }), {
    trades: [["b", "a", 10, 50]],
    resting: 0,
    cancelled: 5,
  });
  assert.deepEqual(bookOf(ask).place({ ...bid, tif: "fok" }), { trades: [], resting: 0, cancelled: 15 });
  assert.deepEqual(bookOf(ask).place({ ...bid, minFillMilliWh: 11 }), {
    trades: [],
    resting: 0,
    cancelled: 15,
  });
  assert.deepEqual(bookOf(ask).place({ ...bid, minFillMilliWh: 10 }), {
    trades: [["b", "a", 10, 50]],
    resting: 5,
    cancelled: 0,
  });
});

test("a market order goes to the edge of the band, and meeting itself cancels its rest", () => {
  const { place, book } = bookOf(
    order({ orderId: "cheap", side: "ask", limitMicroPerKWh: 20 }),
    order({ orderId: "own", side: "ask", limitMicroPerKWh: 60, agentId: "me" }),
    order({ orderId: "dear", side: "ask", limitMicroPerKWh: 95 }),
  );
  const bid = order({
    orderId: "b",
    side: "bid",
    agentId: "me",
    type: "market",
    limitMicroPerKWh: 0,
    qtyMilliWh: 30,
  });
  assert.deepEqual(place(bid), { trades: [["b", "cheap", 10, 20]], resting: 0, cancelled: 20 });
  assert.deepEqual(book.best(), { bidMicroPerKWh: null, askMicroPerKWh: 60 });
});

test("only less at the same price keeps the place in the queue", () => {
  const first = order({ orderId: "first", side: "ask" });
  const second = order({ orderId: "second", side: "ask" });
  const served = (change: { qtyMilliWh: number; limitMicroPerKWh: number }) => {
    const { book, place } = bookOf(first, second);
    book.apply({ kind: "replace", atS: 1, agentId: "first", orderId: "first", ...change });
    return place(order({ orderId: "b", side: "bid", qtyMilliWh: 1 })).trades[0]?.[1];
  };
  assert.equal(served({ qtyMilliWh: 5, limitMicroPerKWh: 50 }), "first");
  assert.equal(served({ qtyMilliWh: 10, limitMicroPerKWh: 50 }), "first", "nothing changed");
  assert.equal(served({ qtyMilliWh: 11, limitMicroPerKWh: 50 }), "second");
  assert.equal(
    served({ qtyMilliWh: 10, limitMicroPerKWh: 45 }),
    "first",
    "a better price comes first anyway",
  );
});

test("orders end at their time and at the gate", () => {
  const { book, place } = bookOf(
    order({ orderId: "short", side: "ask", expiresS: 100 }),
    order({ orderId: "long", side: "ask", expiresS: 9_000 }),
  );
  assert.deepEqual(place(order({ orderId: "b", side: "bid", qtyMilliWh: 1 }), 100).trades, [
    ["b", "long", 1, 50],
  ]);
  assert.deepEqual(book.apply({ kind: "time", atS: 800 }).expired, ["long"]);
  assert.throws(() => place(order({ orderId: "c", side: "bid" }), 800), { code: "MARKET_CLOSED" });
});

test("a refused command says why and changes nothing", () => {
  const resting = order({ orderId: "a", side: "ask" });
  const commands: readonly (readonly [BookCommand, string])[] = [
    [{ kind: "place", atS: 1, order: resting }, "ORDER_CONFLICT"],
    [
      { kind: "place", atS: 1, order: order({ orderId: "x", side: "bid", postOnly: true }) },
      "ORDER_REJECTED",
    ],
    [
      { kind: "place", atS: 1, order: order({ orderId: "x", side: "bid", limitMicroPerKWh: 51 }) },
      "AMOUNT_INVALID",
    ],
    [
      { kind: "place", atS: 1, order: order({ orderId: "x", side: "bid", limitMicroPerKWh: 105 }) },
      "AMOUNT_INVALID",
    ],
    [{ kind: "place", atS: 1, order: order({ orderId: "x", side: "bid", qtyMilliWh: 0 }) }, "AMOUNT_INVALID"],
    [{ kind: "cancel", atS: 1, agentId: "a", orderId: "none" }, "ORDER_NOT_FOUND"],
    [{ kind: "cancel", atS: 1, agentId: "other", orderId: "a" }, "UNAUTHORIZED"],
    [{ kind: "time", atS: -1 }, "INVALID_PARAMS"],
  ];
  for (const [command, code] of commands) {
    const { book } = bookOf(resting);
    assert.throws(() => book.apply(command), { code });
    assert.equal(book.restingMilliWh("a"), 10);
    assert.equal(book.restingMilliWh("x"), 0);
  }
});
