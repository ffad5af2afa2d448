/** What the nodes of a simulation want of each other: offers, orders, deliveries, and energy that comes in. */

import { amountMicro, isProtocolError, orderKey, uuidV7 } from "@gridmesh/protocol";
import type { OrderHalf } from "../../trade/state.ts";
import type { OpenOffer, OrderTerms, TradeEvent } from "../../trade/types.ts";
import { orderBytes } from "./courier.ts";
import { START_MS } from "./life.ts";
import type { SimNode } from "./node.ts";
import type { World } from "./world.ts";

const CURRENCY = "USD";
const ORDERS_UNTIL_MS = 20_000;
const OFFERS = 3;
const MEASURED_WITHIN_MS = 4_000;
const CANCEL_WITHIN_MS = 10_000;
const SLOT = { area: "home", startS: START_MS / 1000, durationS: 3_600 };
const SLOT_END_MS = START_MS + SLOT.durationS * 1_000;

export class Business {
  readonly #world: World;
  readonly #nodes: readonly SimNode[];
  /** Everything that was ever on sale, sold out or not. */
  readonly offers: OpenOffer[] = [];
  readonly #offered = new Set<number>();
  #transactions = 0;

  constructor(world: World, nodes: readonly SimNode[]) {
    this.#world = world;
    this.#nodes = nodes;
  }

  begin(): void {
    const { chance, plan } = this.#world;
    for (let count = 0; count < plan.orders; count += 1) {
      this.#world.after(chance.from(100, ORDERS_UNTIL_MS), () => this.#buy());
    }
    for (const node of this.#nodes) {
      for (let count = 0; count < plan.topUps; count += 1) {
        this.#world.after(chance.from(100, ORDERS_UNTIL_MS), () => this.#topUp(node, count));
      }
    }
  }

  /** At each start: a role's own memory is gone, so it takes up what the books say. */
  ready(node: SimNode): void {
    if (!this.#offered.has(node.index)) {
      this.#offered.add(node.index);
      for (let count = 0; count < OFFERS; count += 1) this.#offer(node);
    }
    for (const book of node.life.context?.state.books.values() ?? []) {
      for (const half of book.open) if (half.state === "ACCEPTED") this.#deliverLater(node, half);
    }
  }

  event({ kind, agentId, order }: TradeEvent): void {
    if (kind === "annulled") this.#world.counts.annulled += 1;
    if (kind === "disputed") this.#world.counts.disputed += 1;
    if (kind === "settled") this.#world.counts.settled += 1;
    if (kind !== "accepted") return;
    const node = this.#nodes.find((it) => it.agentId === agentId);
    const half = node?.life.context?.state.books
      .get(agentId)
      ?.orders.get(orderKey(order.counterparty, order.orderId));
    if (node !== undefined && half !== undefined) this.#deliverLater(node, half);
  }

  #offer(node: SimNode): void {
    const { chance } = this.#world;
    const offered = node.desk?.offer({
      agentId: node.agentId,
      slot: SLOT,
      quantityMilliWh: chance.from(100_000, 1_000_000),
      priceMicroPerKWh: chance.from(100_001, 300_001),
      currency: CURRENCY,
      untilMs: SLOT_END_MS,
    });
    this.#expect(offered?.then((offer) => void this.offers.push(offer)));
  }

  #topUp(node: SimNode, count: number): void {
    const { chance } = this.#world;
    const quantityMilliWh = chance.from(100_000, 1_000_000);
    this.#expect(
      node.desk?.record({ kind: "produce", agentId: node.agentId, key: `${count}`, quantityMilliWh }),
    );
    if (chance.hits(0.5)) this.#offer(node);
    const own = this.offers.filter((offer) => offer.agentId === node.agentId);
    if (own.length > OFFERS && chance.hits(0.2)) this.#expect(node.desk?.withdraw(chance.pick(own).offerId));
  }

  #buy(): void {
    const { chance, counts, plan } = this.#world;
    const buyer = chance.pick(this.#nodes);
    const choice = this.offers.filter((offer) => offer.agentId !== buyer.agentId);
    const { desk, life } = buyer;
    if (desk === undefined || choice.length === 0) return;
    // A few offers are wanted by many.
    const offer = chance.pick(chance.hits(0.3) ? choice.slice(0, OFFERS) : choice);
    const seller = this.#nodes.find((node) => node.agentId === offer.agentId);
    if (seller === undefined) return;
    const terms = this.#terms(offer, { buyer, seller });
    if (chance.hits(plan.reserved)) reserve(seller, terms);
    const order = orderBytes(terms);
    const held = desk.hold(terms, order).then(() => {
      counts.orders += 1;
      if (life.alive) buyer.sendOrder({ terms, order });
      if (chance.hits(plan.measured)) this.#measureLater(buyer, terms);
      if (chance.hits(plan.cancel)) this.#cancelLater(buyer, terms.orderId);
    });
    this.#expect(held);
  }

  #measureLater(buyer: SimNode, { orderId, quantityMilliWh }: OrderTerms): void {
    const { chance, counts } = this.#world;
    const isNear = chance.hits(0.7);
    const share = isNear ? 0.99 + chance.next() * 0.02 : chance.next() * 1.2;
    this.#world.after(chance.next() * MEASURED_WITHIN_MS, () => {
      const received = Math.round(quantityMilliWh * share);
      const measured = buyer.desk?.measure(buyer.agentId, orderId, received);
      this.#expect(measured?.then(() => void (counts.measured += 1)));
    });
  }

  #cancelLater(buyer: SimNode, orderId: string): void {
    const { chance, counts } = this.#world;
    this.#world.after(chance.next() * chance.next() * CANCEL_WITHIN_MS, () => {
      const cancelled = buyer.desk?.cancel(buyer.agentId, orderId);
      this.#expect(cancelled?.then(() => void (counts.cancels += 1)));
    });
  }

  #terms(
    offer: OpenOffer,
    { buyer, seller }: { readonly buyer: SimNode; readonly seller: SimNode },
  ): OrderTerms {
    const { chance, plan } = this.#world;
    const quantityMilliWh = chance.from(1, 300_000);
    const isStale = chance.hits(plan.stale);
    const hasOldEpoch = isStale && chance.hits(0.5);
    const priceMicroPerKWh = offer.priceMicroPerKWh + (isStale && !hasOldEpoch ? -1 : chance.below(2));
    return {
      orderId: uuidV7(buyer.wallMs(), chance),
      transactionId: `transaction-${(this.#transactions += 1)}`,
      offerId: offer.offerId,
      offerEpoch: hasOldEpoch ? "00" : offer.epoch,
      buyer: buyer.agentId,
      buyerPeerId: buyer.peerId,
      seller: seller.agentId,
      sellerPeerId: seller.peerId,
      slot: offer.slot,
      quantityMilliWh,
      priceMicroPerKWh,
      amountMicro: amountMicro(quantityMilliWh, priceMicroPerKWh),
      currency: offer.currency,
      untilMs: buyer.wallMs() + chance.from(200, 8_000),
      delivery: chance.hits(plan.instant) ? "instant" : "slot",
    };
  }

  #deliverLater(node: SimNode, half: OrderHalf): void {
    if (half.terms.delivery === "instant") return;
    const { chance, plan, counts } = this.#world;
    node.life.clock.timer(chance.from(50, 5_000), () => {
      const { buyer, orderId, quantityMilliWh } = half.terms;
      const isPartial = chance.hits(plan.partial);
      const delivered = isPartial ? chance.below(quantityMilliWh + 1) : quantityMilliWh;
      counts.deliveries += 1;
      if (isPartial) counts.partialDeliveries += 1;
      this.#expect(node.desk?.deliver(node.agentId, { buyer, orderId }, delivered));
    });
  }

  /** Refusals of the closed table are part of any day; everything else is a mistake of ours. */
  #expect(attempt: Promise<unknown> | undefined): void {
    attempt?.catch((error: unknown) => {
      if (!isProtocolError(error)) this.#world.fail("ERROR", String(error));
    });
  }
}

function reserve(seller: SimNode, terms: OrderTerms): void {
  const { offerId, transactionId, quantityMilliWh, untilMs } = terms;
  try {
    seller.desk?.reserve({ offerId, transactionId, quantityMilliWh, untilMs });
    if (seller.isUp) seller.life.promised.set(transactionId, { quantityMilliWh, untilMs });
  } catch (error) {
    if (!isProtocolError(error)) throw error;
  }
}
