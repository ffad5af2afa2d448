/** `cda`: a continuous book. Best price, then sequence; trades at the price of the one that rested. */

import { MAX_MILLI_WH, ProtocolError } from "@gridmesh/protocol";
import { checkInteger } from "../units.ts";
import type { BookCommand, BookOrder, BookOutcome, BookRules } from "./book-order.ts";
import { Levels, type Resting } from "./levels.ts";
import { type AuctionTrade, tradeAt } from "./order.ts";

type Replace = Extract<BookCommand, { kind: "replace" }>;

/** One slot's book. A refused command changes nothing. */
export class ContinuousBook {
  readonly #rules: BookRules;
  readonly #sides = { bid: new Levels("bid"), ask: new Levels("ask") };
  /** Every order that was ever taken, in the order they came. */
  readonly #orders = new Map<string, Resting>();
  /** Orders that may still end by time, in the order they came. */
  readonly #ending = new Set<Resting>();
  /** No order ends before; Infinity when none is left. */
  #nextEndS = Number.POSITIVE_INFINITY;
  #nowS = 0;

  constructor(rules: BookRules) {
    this.#rules = rules;
  }

  /**
   * @throws MARKET_CLOSED at the gate; AMOUNT_INVALID off the band or the tick; ORDER_CONFLICT for a known id;
   * ORDER_REJECTED for a postOnly order that would trade; ORDER_NOT_FOUND, UNAUTHORIZED for an order not there or not
   * the agent's; INVALID_PARAMS for time that runs back.
   */
  apply(command: BookCommand): BookOutcome {
    const { atS } = command;
    if (!Number.isSafeInteger(atS) || atS < this.#nowS)
      throw new ProtocolError("INVALID_PARAMS", `time ${atS} s after ${this.#nowS} s`);
    if (command.kind !== "time" && atS >= this.#rules.gateS)
      throw new ProtocolError("MARKET_CLOSED", `the gate closed at ${this.#rules.gateS} s`);
    const act = this.#prepare(command);
    this.#nowS = atS;
    const expired = this.#expire(atS);
    return { ...act(), expired };
  }

  /** What an order has left in the book, mWh. */
  restingMilliWh(orderId: string): number {
    return this.#orders.get(orderId)?.left ?? 0;
  }

  /** Best bid and ask; null on an empty side. */
  best(): { readonly bidMicroPerKWh: number | null; readonly askMicroPerKWh: number | null } {
    const { bid, ask } = this.#sides;
    return { bidMicroPerKWh: bid.best()?.limit ?? null, askMicroPerKWh: ask.best()?.limit ?? null };
  }

  /** Checks the whole command before anything changes; what it returns cannot fail. */
  #prepare(command: BookCommand): () => Omit<BookOutcome, "expired"> {
    if (command.kind === "time") return () => NOTHING;
    if (command.kind === "place") {
      const { order } = command;
      const limit = this.#check(order, command.atS);
      return () => this.#enter({ order, limit, left: order.qtyMilliWh });
    }
    const resting = this.#own(command);
    if (command.kind === "cancel") return () => ({ ...NOTHING, cancelledMilliWh: this.#remove(resting) });
    return this.#prepareReplace(command, resting);
  }

  #prepareReplace(command: Replace, resting: Resting): () => Omit<BookOutcome, "expired"> {
    const { qtyMilliWh, limitMicroPerKWh, atS } = command;
    checkInteger("qtyMilliWh", qtyMilliWh, [1, MAX_MILLI_WH]);
    this.#checkPrice(limitMicroPerKWh);
    if (limitMicroPerKWh === resting.limit && qtyMilliWh <= resting.left) {
      return () => {
        const cancelledMilliWh = resting.left - qtyMilliWh;
        resting.left = qtyMilliWh;
        return { trades: [], restingMilliWh: qtyMilliWh, cancelledMilliWh };
      };
    }
    const order = { ...resting.order, type: "limit" as const, limitMicroPerKWh };
    const fresh = { order, limit: limitMicroPerKWh, left: qtyMilliWh };
    if (order.postOnly) this.#checkRests(fresh, atS);
    return () => {
      const gone = this.#remove(resting);
      const outcome = this.#enter(fresh);
      return { ...outcome, cancelledMilliWh: outcome.cancelledMilliWh + Math.max(0, gone - qtyMilliWh) };
    };
  }

  /** The order's price. */
  #check(order: BookOrder, atS: number): number {
    checkInteger("qtyMilliWh", order.qtyMilliWh, [1, MAX_MILLI_WH]);
    checkInteger("minFillMilliWh", order.minFillMilliWh, [0, order.qtyMilliWh]);
    checkInteger("expiresS", order.expiresS, [atS + 1, Number.MAX_SAFE_INTEGER]);
    const { minMicroPerKWh, maxMicroPerKWh } = this.#rules;
    const edge = order.side === "bid" ? maxMicroPerKWh : minMicroPerKWh;
    const limit = order.type === "market" ? edge : this.#checkPrice(order.limitMicroPerKWh);
    if (this.#orders.has(order.orderId))
      throw new ProtocolError("ORDER_CONFLICT", `order ${order.orderId} stands twice`);
    if (order.postOnly) this.#checkRests({ order, limit, left: order.qtyMilliWh }, atS);
    return limit;
  }

  #checkPrice(limitMicroPerKWh: number): number {
    const { minMicroPerKWh, maxMicroPerKWh, tickMicro } = this.#rules;
    checkInteger("limitMicroPerKWh", limitMicroPerKWh, [minMicroPerKWh, maxMicroPerKWh]);
    if (limitMicroPerKWh % tickMicro !== 0)
      throw new ProtocolError("AMOUNT_INVALID", `${limitMicroPerKWh} is off the tick of ${tickMicro}`);
    return limitMicroPerKWh;
  }

  #checkRests(incoming: Resting, atS: number): void {
    for (const resting of this.#against(incoming)) {
      if (this.#endOf(resting) <= atS) continue;
      const data = { reason: "post_only" };
      throw new ProtocolError("ORDER_REJECTED", `order ${incoming.order.orderId} would trade`, { data });
    }
  }

  #own(command: { readonly agentId: string; readonly orderId: string; readonly atS: number }): Resting {
    const resting = this.#orders.get(command.orderId);
    if (resting === undefined || resting.left === 0 || this.#endOf(resting) <= command.atS)
      throw new ProtocolError("ORDER_NOT_FOUND", `order ${command.orderId} is not in the book`);
    if (resting.order.agentId !== command.agentId)
      throw new ProtocolError("UNAUTHORIZED", `order ${command.orderId} is not of ${command.agentId}`);
    return resting;
  }

  #enter(incoming: Resting): Omit<BookOutcome, "expired"> {
    const { order } = incoming;
    this.#orders.set(order.orderId, incoming);
    const least = order.tif === "fok" ? incoming.left : Math.min(order.minFillMilliWh, incoming.left);
    if (least > 0 && this.#matchable(incoming) < least)
      return { trades: [], restingMilliWh: 0, cancelledMilliWh: this.#remove(incoming) };
    const { trades, metItself } = this.#match(incoming);
    if (incoming.left > 0 && order.tif === "gtd" && !metItself) {
      this.#sides[order.side].add(incoming);
      this.#ending.add(incoming);
      this.#nextEndS = Math.min(this.#nextEndS, this.#endOf(incoming));
      return { trades, restingMilliWh: incoming.left, cancelledMilliWh: 0 };
    }
    return { trades, restingMilliWh: 0, cancelledMilliWh: this.#remove(incoming) };
  }

  /** What could trade at once: up to the first order of the same agent. */
  #matchable(incoming: Resting): number {
    let sum = 0;
    for (const resting of this.#against(incoming)) {
      if (resting.order.agentId === incoming.order.agentId || sum >= incoming.left) break;
      sum += resting.left;
    }
    return Math.min(sum, incoming.left);
  }

  /** Orders of the other side whose price it takes, the next to trade first. */
  *#against(incoming: Resting): Generator<Resting> {
    const { side } = incoming.order;
    for (const resting of this.#sides[side === "bid" ? "ask" : "bid"].inTurn()) {
      if (!isCrossing(incoming, resting)) return;
      yield resting;
    }
  }

  #match(incoming: Resting): { trades: AuctionTrade[]; metItself: boolean } {
    const { side, agentId } = incoming.order;
    const others = this.#sides[side === "bid" ? "ask" : "bid"];
    const trades: AuctionTrade[] = [];
    for (let best = others.best(); incoming.left > 0 && best !== undefined; best = others.best()) {
      if (!isCrossing(incoming, best)) break;
      if (best.order.agentId === agentId) return { trades, metItself: true };
      const qtyMilliWh = Math.min(incoming.left, best.left);
      const [bid, ask] = side === "bid" ? [incoming, best] : [best, incoming];
      trades.push(tradeAt(bid.order, ask.order, { qtyMilliWh, price: best.limit }));
      incoming.left -= qtyMilliWh;
      best.left -= qtyMilliWh;
    }
    return { trades, metItself: false };
  }

  #endOf({ order }: Resting): number {
    return Math.min(order.expiresS, this.#rules.gateS);
  }

  /** Takes it out; what it had left, mWh. */
  #remove(resting: Resting): number {
    const { left } = resting;
    resting.left = 0;
    this.#ending.delete(resting);
    return left;
  }

  #expire(atS: number): string[] {
    if (atS < this.#nextEndS) return [];
    const expired: string[] = [];
    this.#nextEndS = Number.POSITIVE_INFINITY;
    for (const resting of this.#ending) {
      const endS = this.#endOf(resting);
      if (resting.left === 0) this.#ending.delete(resting);
      else if (endS > atS) this.#nextEndS = Math.min(this.#nextEndS, endS);
      else {
        this.#remove(resting);
        expired.push(resting.order.orderId);
      }
    }
    return expired;
  }
}

const NOTHING = { trades: [], restingMilliWh: 0, cancelledMilliWh: 0 };

function isCrossing(incoming: Resting, resting: Resting): boolean {
  return incoming.order.side === "bid" ? incoming.limit >= resting.limit : incoming.limit <= resting.limit;
}
