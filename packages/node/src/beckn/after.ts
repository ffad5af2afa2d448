/** What an own agent may ask about an order of its own, once it is made. */

import {
  type BecknContent,
  type BecknOrder,
  type BecknProfile,
  type BecknSupport,
  decodeRequestHeader,
  isProtocolError,
  orderKey,
  type OrderSummary,
  parseBecknBody,
  parseBecknUri,
  ProtocolError,
} from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";
import { startDeadline, until } from "../deadline.ts";
import { buyerNamed } from "./buy.ts";
import { wireOf } from "./messages.ts";
import type { LocalAgent } from "./ports.ts";
import { askFor, orderOf, type Partner, type Question, type RequestParts } from "./requests.ts";
import type { BecknOrders, Tracking } from "./types.ts";

const WAIT_MS = 20_000;
/** A buyer that was called off in doubt waits for the seller no longer than that before it says so. */
const OPEN: ReadonlySet<OrderSummary["state"]> = new Set(["HELD", "COMMITTED"]);

/** An order of an own agent, as it was confirmed. */
interface OwnOrder {
  readonly buyer: LocalAgent;
  readonly summary: OrderSummary;
  readonly order: BecknOrder;
  readonly partner: Partner;
}

export function ordersOf(parts: RequestParts & { readonly signal: AbortSignal }): BecknOrders {
  const { ports } = parts;
  const asking = async <Result>(
    own: OwnOrder,
    question: Question & { readonly read: (content: BecknContent) => Result },
    wait: Wait,
  ): Promise<Result> => {
    const signal = wait.signal ? AbortSignal.any([wait.signal, parts.signal]) : parts.signal;
    using deadline = startDeadline(ports.clock, { ...wait, signal }, WAIT_MS);
    return await askFor(parts, { buyer: own.buyer, offer: own.partner, deadline }, question);
  };

  return {
    status: async (agent, orderId, wait = {}) => {
      const own = ownOrder(parts, agent, orderId);
      const content = { kind: "orderId", orderId, order: own.order } as const;
      return asking(own, { action: "status", content, read: orderOf }, wait);
    },
    async update(agent, orderId, { quantityMilliWh, ...wait }) {
      const own = ownOrder(parts, agent, orderId);
      const { payment: _payment, quote: _quote, ...terms } = own.order;
      const order = { ...terms, quantityMilliWh };
      const content = { kind: "update", targets: ["item"], order } as const;
      return asking(own, { action: "update", content, read: orderOf }, wait);
    },
    async cancel(agent, orderId, { reason, ...wait } = {}) {
      const own = ownOrder(parts, agent, orderId);
      await callOff(parts, own, wait);
      const { order } = own;
      const content = {
        kind: "cancel",
        orderId,
        order,
        ...(reason === undefined ? {} : { reason }),
      } as const;
      return asking(own, { action: "cancel", content, read: orderOf }, wait).catch((error: unknown) =>
        neverCame(own, error),
      );
    },
    async rate(agent, orderId, { value, ...wait }) {
      const own = ownOrder(parts, agent, orderId);
      const content = { kind: "ratings", ratings: [{ category: "Order", id: orderId, value }] } as const;
      await asking(own, { action: "rating", content, read: kindOf("rated") }, wait);
      keepRating(parts, own, value);
    },
    async support(agent, orderId, wait = {}): Promise<BecknSupport> {
      const own = ownOrder(parts, agent, orderId);
      const content = { kind: "support", support: { orderId } } as const;
      const read = (told: BecknContent) => kindOf("support")(told).support;
      return asking(own, { action: "support", content, read }, wait);
    },
    async track(agent, orderId, wait = {}): Promise<Tracking> {
      const own = ownOrder(parts, agent, orderId);
      const content = { kind: "track", orderId, order: own.order } as const;
      const { url, active } = await asking(own, { action: "track", content, read: kindOf("tracking") }, wait);
      return { url, active };
    },
  };
}

/** @throws AGENT_NOT_FOUND, ORDER_NOT_FOUND. */
function ownOrder({ ports }: RequestParts, agent: string, orderId: string): OwnOrder {
  const buyer = buyerNamed(ports, agent);
  const key = { buyer: buyer.agentId, orderId };
  const summary = ports.desk.order(buyer.agentId, key);
  const signed = ports.desk.signedOrder(buyer.agentId, key);
  if (summary?.role !== "buyer" || signed?.header.startsWith("{") !== true) {
    throw new ProtocolError("ORDER_NOT_FOUND", `no order ${orderId} of ${agent} was made over Beckn`);
  }
  const { profile } = decodeRequestHeader(new TextEncoder().encode(signed.header));
  const { order, uri } = readConfirm(profile, signed.body);
  const { transactionId, counterparty: seller, counterpartyPeerId: sellerPeerId } = summary;
  const sellerName = parseBecknUri(uri).agent;
  const partner = { transactionId, seller, sellerPeerId, sellerName, sellerUri: uri, profile };
  return { buyer, summary, order: { ...order, orderId }, partner };
}

function readConfirm(
  profile: BecknProfile,
  text: string,
): { readonly order: BecknOrder; readonly uri: string } {
  const wire = wireOf(profile);
  const json = parseBecknBody(new TextEncoder().encode(text));
  const context = wire.decodeContext(json);
  return { order: orderOf(wire.decodeContent(json, context)), uri: context.bppUri ?? "" };
}

/**
 * What frees the hold is the seller's signed annulment, whoever is told of it besides; it is asked for until it is there.
 * @throws ORDER_STATE (ended, paid), ORDER_IN_DOUBT when the seller has not answered in time.
 */
async function callOff(
  { ports, signal }: RequestParts & { readonly signal: AbortSignal },
  own: OwnOrder,
  wait: Wait,
) {
  const { desk, clock } = ports;
  const { agentId } = own.buyer;
  const { orderId } = own.summary;
  const ended = Promise.withResolvers<void>();
  const look = () => {
    const now = desk.order(agentId, { buyer: agentId, orderId });
    if (now === undefined || !OPEN.has(now.state)) ended.resolve();
  };
  // Called off before and freed since: asked once more it is the same answer.
  if (own.summary.state === "RELEASED") return;
  using _events = desk.onEvent((event) => {
    if (event.agentId === agentId && event.order.orderId === orderId) look();
  });
  await desk.cancel(agentId, orderId);
  look();
  using deadline = startDeadline(clock, { ...wait, signal: wait.signal ?? signal }, WAIT_MS);
  try {
    await until(ended.promise, deadline.signal);
  } catch (cause) {
    throw new ProtocolError("ORDER_IN_DOUBT", "called off, and the seller has not answered yet", { cause });
  }
}

/** Called off before it came: if it still comes it is refused, and the annulment said so. */
function neverCame({ summary, order }: OwnOrder, error: unknown): BecknOrder {
  if (summary.state !== "HELD" || !isProtocolError(error) || error.code !== "ORDER_NOT_FOUND") throw error;
  return { ...order, status: "CANCELLED" };
}

/** For the ranks of later offers. */
function keepRating({ ports }: RequestParts, own: OwnOrder, value: number): void {
  const { agentId } = own.buyer;
  const key = orderKey(agentId, own.summary.orderId);
  const word = { agentId, orderKey: key, kind: "rated", about: own.partner.seller, value } as const;
  ports.store.saveWord({ ...word, header: "", body: "", atMs: ports.clock.nowMs() });
}

/** Reads an answer of one kind. @throws SCHEMA_INVALID. */
function kindOf<Kind extends BecknContent["kind"]>(kind: Kind) {
  return (content: BecknContent): Extract<BecknContent, { kind: Kind }> => {
    if (content.kind === kind) return content as Extract<BecknContent, { kind: Kind }>;
    throw new ProtocolError("SCHEMA_INVALID", `the callback holds no ${kind}`);
  };
}
