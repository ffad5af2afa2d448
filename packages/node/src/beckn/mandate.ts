/** What an owner lets an agent say, looked at before anything is signed for it; and confirms that wait for the owner. */

import {
  type BecknMandate,
  type BecknOrder,
  type BecknRequestAction,
  isProtocolError,
  type JsonValue,
  ProtocolError,
  readMandate,
} from "@gridmesh/protocol";
import { networkIdOf, newId } from "./messages.ts";
import type { BecknPorts, LocalAgent } from "./ports.ts";
import type { Offer, WaitingOrder } from "./types.ts";

/** More than that wait at a time: the oldest is forgotten. */
const MAX_WAITING = 64;
/** Documents whose signature held. */
const sound = new WeakSet<object>();

/**
 * @param about.amountMicro - what the order comes to, where that is known
 * @throws SPEND_LIMIT: the owner does not allow it.
 */
export function checkMandate(
  ports: BecknPorts,
  buyer: LocalAgent,
  about: { readonly action: BecknRequestAction; readonly amountMicro?: number | undefined },
): void {
  const mandate = mandateOf(ports, buyer);
  if (mandate === undefined) return;
  const { action, amountMicro } = about;
  const why = breachOf(ports, mandate, { buyer, action, amountMicro });
  if (why !== undefined) throw new ProtocolError("SPEND_LIMIT", `the owner's mandate: ${why}`);
}

function mandateOf(ports: BecknPorts, { agentId, mandate }: LocalAgent): BecknMandate | undefined {
  if (mandate === undefined || sound.has(mandate)) return mandate;
  const { network, engine } = ports;
  try {
    const read = readMandate(mandate as unknown as JsonValue, { network, engine });
    if (read.agent !== agentId) throw new ProtocolError("IDENTITY_MISMATCH", `it is for ${read.agent}`);
  } catch (error) {
    if (!isProtocolError(error)) throw error;
    throw new ProtocolError("SPEND_LIMIT", `the owner's mandate does not hold: ${error.message}`, {
      cause: error,
    });
  }
  sound.add(mandate);
  return mandate;
}

interface Wanted {
  readonly buyer: LocalAgent;
  readonly action: BecknRequestAction;
  readonly amountMicro: number | undefined;
}

function breachOf(ports: BecknPorts, mandate: BecknMandate, about: Wanted): string | undefined {
  const { action } = about;
  const { allowedActions = ["search"], allowedNetworks, irreversibleActionPolicy } = mandate;
  if (ports.clock.nowMs() >= mandate.expiresAtMs) return "it has expired";
  if (!allowedActions.some((allowed) => allowed === action)) return `no ${action}`;
  if (allowedNetworks !== undefined && !allowedNetworks.includes(networkIdOf(ports)))
    return "another network";
  if (action === "confirm" && irreversibleActionPolicy === "deny") return "nothing that binds";
  return amountBreach(ports, mandate, about);
}

function amountBreach(
  ports: BecknPorts,
  { maxTransactionValueMicro = Infinity, maxCumulativeValueMicro = Infinity }: BecknMandate,
  { buyer, action, amountMicro = 0 }: Wanted,
): string | undefined {
  if (amountMicro > maxTransactionValueMicro) return `${amountMicro} in one order`;
  if (action !== "confirm" || maxCumulativeValueMicro === Infinity) return undefined;
  const spent = spentBy(ports, buyer);
  return spent + amountMicro > maxCumulativeValueMicro ? `${spent} spent, ${amountMicro} more` : undefined;
}

/** By the journal: a restart forgets nothing of it. */
function spentBy({ desk }: BecknPorts, { agentId }: LocalAgent): number {
  return desk
    .orders({ agentId })
    .filter(({ role, state }) => role === "buyer" && state !== "RELEASED")
    .reduce((sum, order) => sum + (order.finalAmountMicro ?? order.amountMicro), 0);
}

/** What binds waits for the owner's word. */
export function escalates({ mandate }: LocalAgent): boolean {
  return mandate?.irreversibleActionPolicy === "escalate";
}

/** An order as far as it was agreed on. */
interface Held {
  readonly buyer: LocalAgent;
  readonly offer: Offer;
  readonly agreed: BecknOrder;
}

export interface Waiting {
  add(held: Held, amountMicro: number): void;
  list(): readonly WaitingOrder[];
  /** Takes it out; undefined when there is none, or its time is over. */
  take(id: string): Held | undefined;
}

export function createWaiting(ports: BecknPorts): Waiting {
  const orders = new Map<string, Held & { readonly view: WaitingOrder }>();
  const sweep = () => {
    for (const [id, { agreed }] of orders) if (agreed.untilMs <= ports.market.nowMs()) orders.delete(id);
  };
  return {
    add(held, amountMicro) {
      sweep();
      const { buyer, offer, agreed } = held;
      const [oldest] = orders.keys();
      if (oldest !== undefined && orders.size >= MAX_WAITING) orders.delete(oldest);
      const id = newId(ports);
      const { quantityMilliWh, currency, untilMs } = agreed;
      const { seller, sellerName, transactionId } = offer;
      const terms = { quantityMilliWh, amountMicro, currency, untilMs };
      orders.set(id, {
        ...held,
        view: { id, agent: buyer.name, transactionId, seller, sellerName, ...terms },
      });
      const fields = { agent: buyer.name, transactionId };
      ports.log.warn("trade.waiting", `an order at ${sellerName} waits for the owner`, fields);
    },
    list() {
      sweep();
      return [...orders.values()].map(({ view }) => view);
    },
    take(id) {
      sweep();
      const held = orders.get(id);
      orders.delete(id);
      return held;
    },
  };
}
