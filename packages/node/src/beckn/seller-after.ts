/** What a buyer asks about an order once it was made, and what its seller answers; each may come twice. */

import {
  type BecknAction,
  type BecknContent,
  type BecknOrder,
  type BecknRating,
  formatBecknUri,
  isProtocolError,
  orderKey,
  type OrderSummary,
  ProtocolError,
} from "@gridmesh/protocol";
import type { BecknReceived } from "./inbound.ts";
import { confirmedOrder, orderNow, receivedBytes, type SellerRoom, transactionKey } from "./seller-room.ts";

type Answered = BecknContent | ProtocolError;
type Afterwards = (room: SellerRoom, received: BecknReceived) => Answered | Promise<Answered>;

/** By action; a refusal that comes back as a value is told in the callback. */
export const afterwards: ReadonlyMap<BecknAction, Afterwards> = new Map<BecknAction, Afterwards>([
  ["status", status],
  ["update", update],
  ["cancel", cancel],
  ["rating", rate],
  ["support", support],
  ["track", track],
]);

interface Found {
  readonly summary: OrderSummary;
  /** As it was confirmed. */
  readonly order: BecknOrder;
}

/** The sender's order at this seller. @throws ORDER_NOT_FOUND. */
function found(room: SellerRoom, { to, signerId }: BecknReceived, orderId: string): Found {
  const summary = room.ports.desk.order(to.agentId, { buyer: signerId, orderId });
  const known = summary?.role === "seller" ? confirmedOrder(room, summary) : undefined;
  if (!summary || !known) throw new ProtocolError("ORDER_NOT_FOUND", "no such order of yours");
  return { summary, order: known.order };
}

function status(room: SellerRoom, received: BecknReceived): Answered {
  const { content } = received;
  if (content.kind !== "orderId") throw new ProtocolError("SCHEMA_INVALID", "status names an order");
  const { summary, order } = found(room, received, content.orderId);
  return { kind: "order", order: orderNow(room, order, summary) };
}

/** Less may be taken than was ordered, as long as nothing was delivered; nothing else about an order changes. */
function update(room: SellerRoom, received: BecknReceived): Answered {
  const { content, context, signerId, to } = received;
  if (content.kind !== "update")
    throw new ProtocolError("SCHEMA_INVALID", "update names an order of one slot");
  const { targets, order: wanted } = content;
  const { summary, order } = found(room, received, wanted.orderId ?? "");
  const now = orderNow(room, order, summary);
  const refusal = updateRefusal({ targets, wanted, now, summary });
  if (refusal !== undefined) return refusal;
  const { ports } = room;
  if (context.preview !== true && wanted.quantityMilliWh < now.quantityMilliWh) {
    ports.store.saveWord({
      agentId: to.agentId,
      orderKey: orderKey(signerId, summary.orderId),
      kind: "update",
      about: signerId,
      value: wanted.quantityMilliWh,
      ...receivedBytes(received),
      atMs: ports.clock.nowMs(),
    });
  }
  const { quantityMilliWh } = wanted;
  const changed = context.preview === true ? { ...now, quantityMilliWh } : orderNow(room, order, summary);
  return { kind: "order", order: changed };
}

function updateRefusal(about: {
  readonly targets: readonly string[];
  readonly wanted: BecknOrder;
  readonly now: BecknOrder;
  readonly summary: OrderSummary;
}): ProtocolError | undefined {
  const { targets, wanted, now, summary } = about;
  if (summary.state !== "ACCEPTED") return refused("POL_UPDATE_NOT_ALLOWED", `the order is ${summary.state}`);
  const foreign = targets.find((target) => !/^(?:order\.)?items?(?:\.quantity.*)?$/.test(target));
  if (foreign !== undefined)
    return refused("BIZ_INVALID_UPDATE_TARGET", `${foreign.slice(0, 40)} does not change`);
  if (!isSameButQuantity(wanted, now)) {
    return refused("BIZ_UPDATE_INCONSISTENT", "more than the quantity differs");
  }
  if (wanted.quantityMilliWh > now.quantityMilliWh)
    return refused("POL_UPDATE_NOT_ALLOWED", "more than was agreed on is a new order");
  return undefined;
}

function isSameButQuantity(a: BecknOrder, b: BecknOrder): boolean {
  return (
    a.further === undefined &&
    a.offerId === b.offerId &&
    a.offerEpoch === b.offerEpoch &&
    a.seller === b.seller &&
    a.priceMicroPerKWh === b.priceMicroPerKWh &&
    a.currency === b.currency &&
    a.delivery === b.delivery &&
    a.slot.area === b.slot.area &&
    a.slot.startS === b.slot.startS &&
    a.slot.durationS === b.slot.durationS
  );
}

/** Before its delivery an order is annulled, however often that is asked for. */
async function cancel(room: SellerRoom, received: BecknReceived): Promise<Answered> {
  const { content, context, signerId, to } = received;
  if (content.kind !== "cancel") throw new ProtocolError("SCHEMA_INVALID", "cancel names an order");
  const { desk } = room.ports;
  const { summary, order } = found(room, received, content.orderId);
  if (context.preview === true && summary.state === "ACCEPTED")
    return { kind: "order", order: { ...orderNow(room, order, summary), status: "CANCELLED" } };
  const key = { buyer: signerId, orderId: summary.orderId };
  try {
    await desk.annul(to.agentId, key);
  } catch (error) {
    if (!isProtocolError(error) || error.code !== "ORDER_STATE") throw error;
    return refused("POL_CANCELLATION_NOT_ALLOWED", `the order is ${summary.state}`);
  }
  return { kind: "order", order: orderNow(room, order, desk.order(to.agentId, key) ?? summary) };
}

/** By the buyer of a complete order, once: its signed words are kept. */
function rate(room: SellerRoom, received: BecknReceived): Answered {
  const { content, context, signerId, to } = received;
  if (content.kind !== "ratings") throw new ProtocolError("SCHEMA_INVALID", "rating holds ratings");
  const [rating, ...others] = content.ratings;
  const summary = rating && others.length === 0 ? ratedOrder(room, received, rating) : undefined;
  if (!rating || !summary) return refused("BIZ_RATING_TARGET_NOT_FOUND", "one rating of one order of yours");
  if (summary.state !== "SETTLED") throw new ProtocolError("ORDER_STATE", `the order is ${summary.state}`);
  const { store, clock } = room.ports;
  const [agentId, key] = [to.agentId, orderKey(signerId, summary.orderId)];
  const known = store.word(agentId, key, "rating");
  if (known !== undefined && known.value !== rating.value)
    throw new ProtocolError("ORDER_STATE", "the order was rated otherwise before");
  if (known === undefined && context.preview !== true) {
    const { value } = rating;
    const word = { agentId, orderKey: key, kind: "rating", about: signerId, value } as const;
    store.saveWord({ ...word, ...receivedBytes(received), atMs: clock.nowMs() });
  }
  return { kind: "rated", ratings: [rating] };
}

/** An order is rated by its id, or its seller by its own where the transaction has one order. */
function ratedOrder(
  room: SellerRoom,
  { to, signerId, context }: BecknReceived,
  { category, id }: BecknRating,
): OrderSummary | undefined {
  const { desk } = room.ports;
  if (category === "Order") return desk.order(to.agentId, { buyer: signerId, orderId: id });
  if (category !== "Provider" || id !== to.agentId) return undefined;
  const orders = desk
    .orders({ agentId: to.agentId })
    .filter((order) => order.counterparty === signerId && order.transactionId === context.transactionId);
  return orders.length === 1 ? orders[0] : undefined;
}

/** Whoever has selected something may ask whom to turn to. */
function support(room: SellerRoom, received: BecknReceived): Answered {
  const { content } = received;
  if (content.kind !== "support") throw new ProtocolError("SCHEMA_INVALID", "support names an order");
  const { orderId } = content.support;
  if (orderId !== undefined) found(room, received, orderId);
  else if (room.transactions.get(transactionKey(received)) === undefined)
    throw new ProtocolError("ORDER_NOT_FOUND", "nothing was selected here");
  const channel = room.ports.settings?.support;
  if (channel === undefined || Object.values(channel).every((way) => way === undefined))
    return refused("BIZ_SUPPORT_NOT_AVAILABLE", "nobody is named here");
  return { kind: "support", support: { ...channel, ...(orderId === undefined ? {} : { orderId }) } };
}

/** Where an active order can be followed: at the seller's own place in the mesh. */
function track(room: SellerRoom, received: BecknReceived): Answered {
  const { content, to } = received;
  if (content.kind !== "track") throw new ProtocolError("SCHEMA_INVALID", "track names an order");
  const { summary } = found(room, received, content.orderId);
  const { state, orderId } = summary;
  if (state !== "ACCEPTED" && state !== "DELIVERED" && state !== "DISPUTED")
    throw new ProtocolError("ORDER_STATE", `the order is ${state}`);
  const url = formatBecknUri({ peerId: room.ports.peerId, agent: to.name, side: "bpp" });
  return { kind: "tracking", orderId, url, active: state === "ACCEPTED" };
}

/** Told in the callback under one of Beckn's names. */
function refused(beckn: string, why: string): ProtocolError {
  const code = codes.get(beckn) ?? "ORDER_STATE";
  return new ProtocolError(code, why, { data: { beckn } });
}

const codes: ReadonlyMap<string, "INVALID_PARAMS" | "ORDER_REJECTED"> = new Map([
  ["BIZ_RATING_TARGET_NOT_FOUND", "INVALID_PARAMS"],
  ["BIZ_SUPPORT_NOT_AVAILABLE", "ORDER_REJECTED"],
] as const);
