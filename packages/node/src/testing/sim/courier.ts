/** Orders and decisions between desks: what the exchange of Beckn messages does, reduced to who may say what. */

import { isProtocolError, ProtocolError } from "@gridmesh/protocol";
import { balance } from "../../trade/state.ts";
import type { Decision, OrderTerms, SignedBytes } from "../../trade/types.ts";
import type { Letter } from "./net.ts";
import type { SimNode } from "./node.ts";
import { CALM_AT_MS } from "./plan.ts";
import type { World } from "./world.ts";

export class Courier {
  readonly #world: World;
  /** What each seller said of each order: it never changes. */
  readonly #said = new Map<string, { readonly accepted: boolean; readonly body: string }>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Seller: the one who signed it is its buyer; the desk decides; only its answer leaves. */
  async order(node: SimNode, letter: Letter): Promise<void> {
    const { life } = node;
    const { net } = node.parts;
    const { terms, order } = letter.body as unknown as { terms: OrderTerms; order: SignedBytes };
    try {
      if (letter.signerId !== terms.buyer || node.desk === undefined) return;
      this.#mayBeBusy();
      const bytes = await node.desk.decide(terms, order, (decision) => {
        this.#checkPromise(node, terms, decision);
        return { header: "", body: JSON.stringify({ ...decision, answers: order.body }) };
      });
      if (!life.alive) return;
      const decision = JSON.parse(bytes.body) as Decision & { readonly answers: string };
      this.#hear(node, { terms, order, decision, bytes });
      const body = { type: "decision", recipient_id: terms.buyer, orderId: terms.orderId, decision, bytes };
      net.send(node, letter.from, { type: body.type, body });
    } catch (error) {
      if (!isProtocolError(error)) return this.#world.fail("ERROR", `order: ${String(error)}`);
      if (!life.alive) return;
      // No decision: the buyer stays in doubt and asks again.
      const body = { type: "nack", recipient_id: letter.signerId, orderId: terms.orderId, code: error.code };
      net.send(node, letter.from, { type: body.type, body });
    }
  }

  #mayBeBusy(): void {
    const { chance, plan, nowMs } = this.#world;
    if (nowMs < CALM_AT_MS && chance.hits(plan.busy)) throw new ProtocolError("RATE_LIMITED", "busy");
  }

  /** I3: what was set aside for a transaction in this life is there for it, unless own use has drawn on it. */
  #checkPromise(node: SimNode, terms: OrderTerms, { accepted, reason }: Decision): void {
    const promise = node.life.promised.get(terms.transactionId);
    if (accepted || reason !== "QUANTITY_UNAVAILABLE" || promise === undefined) return;
    const book = node.life.context?.state.books.get(terms.seller);
    const stored = book === undefined ? 0 : balance(book.energy, "available");
    if (node.wallMs() > promise.untilMs || stored < terms.quantityMilliWh) return;
    this.#world.fail("I3", `node ${node.index} sold what it had set aside for ${terms.transactionId}`);
  }

  /** Buyer: only the seller named in the held order can decide it. */
  async decision(node: SimNode, letter: Letter): Promise<void> {
    const { orderId, decision, bytes } = letter.body as unknown as DecisionBody;
    const order = node.desk?.order(node.agentId, { buyer: node.agentId, orderId });
    if (order === undefined || order.counterparty !== letter.signerId) return;
    try {
      await node.desk?.conclude(node.agentId, orderId, decision, bytes);
    } catch (error) {
      if (!isProtocolError(error)) return this.#world.fail("ERROR", `decision: ${String(error)}`);
      if (error.code === "EQUIVOCATION") this.#world.fail("I6", `two decisions on ${orderId}`);
    }
  }

  /** I6: a decision once said never changes, and is said of the order it was made for. */
  #hear(node: SimNode, { terms, order, decision, bytes }: Heard): void {
    const key = `${terms.buyer}/${terms.orderId}`;
    const known = this.#said.get(key);
    if (known !== undefined && known.accepted !== decision.accepted) {
      return this.#world.fail("I6", `node ${node.index} changed its decision on ${terms.orderId}`);
    }
    if (known !== undefined && known.body !== bytes.body) {
      return this.#world.fail(
        "I6",
        `node ${node.index} said its decision on ${terms.orderId} in other words`,
      );
    }
    if (decision.answers !== order.body) {
      return this.#world.fail(
        "I6",
        `node ${node.index} answered ${terms.orderId} with another order's decision`,
      );
    }
    if (known === undefined) this.#world.counts[decision.accepted ? "accepted" : "rejected"] += 1;
    this.#said.set(key, { accepted: decision.accepted, body: bytes.body });
  }
}

interface Heard {
  readonly terms: OrderTerms;
  readonly order: SignedBytes;
  readonly decision: Decision & { readonly answers: string };
  readonly bytes: SignedBytes;
}

interface DecisionBody {
  readonly orderId: string;
  readonly decision: Decision;
  readonly bytes: SignedBytes;
}

/** The bytes an order is known by. */
export function orderBytes(terms: OrderTerms): SignedBytes {
  const { orderId, offerEpoch, quantityMilliWh, amountMicro } = terms;
  return { header: "", body: JSON.stringify({ orderId, offerEpoch, quantityMilliWh, amountMicro }) };
}
