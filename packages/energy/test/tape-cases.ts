/** Random commands to a continuous book, beside a second book that sorts everything anew at every step. */

import assert from "node:assert/strict";
import {
  type BookCommand,
  type BookEvent,
  type BookOrder,
  type BookRules,
  BookTape,
  replayTape,
} from "@gridmesh/energy";
import { isProtocolError } from "@gridmesh/protocol";
import type { Dice } from "./book-cases.ts";

export const start = {
  slotId: "city/900/900",
  rules: { minMicroPerKWh: 0, maxMicroPerKWh: 100, tickMicro: 5, gateS: 800 } satisfies BookRules,
};

interface Waiting {
  readonly order: BookOrder;
  readonly limit: number;
  readonly sequence: number;
  readonly endS: number;
  left: number;
}

interface Told {
  readonly trades: readonly (readonly [bid: string, ask: string, qty: number, price: number])[];
  readonly resting: number;
}

/** The rules of the book once more, as plainly as they can be said. */
class PlainBook {
  #waiting: Waiting[] = [];
  #sequence = 0;

  resting(orderId: string): number {
    return this.#waiting.find(({ order }) => order.orderId === orderId)?.left ?? 0;
  }

  apply(command: BookCommand): Told {
    this.#waiting = this.#waiting.filter(({ endS }) => endS > command.atS);
    if (command.kind === "time") return { trades: [], resting: 0 };
    if (command.kind === "place") {
      const { order } = command;
      const edge = order.side === "bid" ? start.rules.maxMicroPerKWh : start.rules.minMicroPerKWh;
      return this.#place(order, order.type === "market" ? edge : order.limitMicroPerKWh, order.qtyMilliWh);
    }
    const own = this.#waiting.find(({ order }) => order.orderId === command.orderId);
    assert.ok(own !== undefined);
    const keepsPlace =
      command.kind === "replace" && command.limitMicroPerKWh === own.limit && command.qtyMilliWh <= own.left;
    if (keepsPlace) {
      own.left = command.qtyMilliWh;
      return { trades: [], resting: own.left };
    }
    this.#waiting = this.#waiting.filter((other) => other !== own);
    if (command.kind === "cancel") return { trades: [], resting: 0 };
    return this.#place(own.order, command.limitMicroPerKWh, command.qtyMilliWh);
  }

  #place(order: BookOrder, limit: number, qty: number): Told {
    const sign = order.side === "bid" ? 1 : -1;
    const others = this.#waiting
      .filter((other) => other.order.side !== order.side && (limit - other.limit) * sign >= 0)
      .sort((a, b) => (a.limit - b.limit) * sign || a.sequence - b.sequence);
    const own = others.findIndex((other) => other.order.agentId === order.agentId);
    const reachable = own === -1 ? others : others.slice(0, own);
    const sum = reachable.reduce((total, other) => total + other.left, 0);
    const least = order.tif === "fok" ? qty : Math.min(order.minFillMilliWh, qty);
    if (sum < least) return { trades: [], resting: 0 };
    const trades: [string, string, number, number][] = [];
    let left = qty;
    for (const other of reachable) {
      const part = Math.min(left, other.left);
      if (part === 0) break;
      const [bid, ask] = order.side === "bid" ? [order, other.order] : [other.order, order];
      trades.push([bid.orderId, ask.orderId, part, other.limit]);
      other.left -= part;
      left -= part;
    }
    this.#waiting = this.#waiting.filter((other) => other.left > 0);
    if (left === 0 || order.tif !== "gtd" || own !== -1) return { trades, resting: 0 };
    this.#sequence += 1;
    const endS = Math.min(order.expiresS, start.rules.gateS);
    this.#waiting.push({ order, limit, sequence: this.#sequence, endS, left });
    return { trades, resting: left };
  }
}

function randomCommand(roll: Dice, { atS, count }: { atS: number; count: number }): BookCommand {
  const kind = roll(10);
  const orderId = `o${roll(count + 1)}`;
  const agentId = `a${roll(4)}`;
  if (kind === 0) return { kind: "time", atS };
  if (kind === 1) return { kind: "cancel", atS, agentId, orderId };
  if (kind === 2)
    return {
      kind: "replace",
      atS,
      agentId,
      orderId,
      qtyMilliWh: 1 + roll(12),
      limitMicroPerKWh: roll(21) * 5,
    };
  const qtyMilliWh = 1 + roll(12);
  return {
    kind: "place",
    atS,
    order: {
      orderId: `o${count}`,
      agentId,
      side: roll(2) === 0 ? "bid" : "ask",
      qtyMilliWh,
      limitMicroPerKWh: roll(21) * 5,
      minFillMilliWh: roll(5) === 0 ? roll(qtyMilliWh + 1) : 0,
      type: roll(8) === 0 ? "market" : "limit",
      tif: (["gtd", "gtd", "gtd", "ioc", "fok"] as const)[roll(5)]!,
      postOnly: roll(10) === 0,
      expiresS: atS + 1 + roll(300),
    },
  };
}

export interface TapeSeen {
  trades: number;
  refused: number;
  expired: number;
  events: number;
}

/** Records one random day, checks every step against the plain book, and plays the tape again. */
export function checkTape(roll: Dice, seen: TapeSeen): BookEvent[] {
  const tape = new BookTape(start);
  const plain = new PlainBook();
  const events: BookEvent[] = [];
  let atS = 0;
  for (let count = 0; count < 80; count += 1) {
    atS += roll(12);
    const command = randomCommand(roll, { atS, count });
    const event = attempt(tape, command);
    if (event === undefined) {
      seen.refused += 1;
      continue;
    }
    events.push(event);
    const { trades, restingMilliWh, expired } = event.outcome;
    const told = plain.apply(command);
    assert.deepEqual(
      trades.map(({ bidId, askId, qtyMilliWh, priceMicroPerKWh }) => [
        bidId,
        askId,
        qtyMilliWh,
        priceMicroPerKWh,
      ]),
      told.trades,
    );
    assert.equal(restingMilliWh, told.resting);
    for (const orderId of expired) assert.equal(plain.resting(orderId), 0);
    for (const { buyer, seller } of trades) assert.notEqual(buyer, seller);
    seen.trades += trades.length;
    seen.expired += expired.length;
  }
  seen.events += events.length;
  assert.deepEqual(
    replayTape(events, start),
    events.flatMap(({ outcome }) => outcome.trades),
  );
  return events;
}

function attempt(tape: BookTape, command: BookCommand): BookEvent | undefined {
  try {
    return tape.record(command);
  } catch (error) {
    assert.ok(isProtocolError(error), String(error));
    return undefined;
  }
}
