/** An area's rules, and what an order must keep to enter its book. */

import { canonicalBytes, ProtocolError, sha256, toHex } from "@gridmesh/protocol";
import { checkInteger } from "../units.ts";
import type { OrderCondition, EnergySource } from "./area-order.ts";
import type { AuctionOrder } from "./order.ts";

/** Mechanisms that a supervisor clears once per slot. */
export type CallMechanism = "call-uniform" | "call-pay-as-bid" | "trade-reduction" | "gsy-pay-as-bid";

/** Signed by the area's operator; times are seconds before the slot begins. */
export interface MarketRules {
  readonly area: string;
  readonly mechanism: CallMechanism;
  readonly durationS: number;
  readonly commitS: number;
  readonly closeS: number;
  readonly revealS: number;
  readonly resultS: number;
  readonly ackS: number;
  readonly finalS: number;
  readonly kPermille: number;
  readonly minMicroPerKWh: number;
  readonly maxMicroPerKWh: number;
  readonly tickMicro: number;
  readonly feeMicroPerKWh: number;
  readonly maxOrdersPerAgent: number;
  readonly roll: readonly { readonly agent_id: string; readonly meter_id: string }[];
  readonly supervisors: readonly string[];
  readonly version: number;
}

/** An order as it is committed and revealed; its id is the commitment. */
export interface MarketOrder {
  readonly agentId: string;
  readonly side: "bid" | "ask";
  readonly slotId: string;
  readonly rulesHash: string;
  readonly qtyMilliWh: number;
  readonly limitMicroPerKWh: number;
  readonly minFillMilliWh: number;
  readonly source?: EnergySource;
  readonly anyOf?: readonly OrderCondition[];
}

/** sha256 of the canonical form, hex. */
export function rulesHashOf(rules: MarketRules): string {
  return toHex(sha256(canonicalBytes(rules)));
}

/**
 * What every order must hold by itself.
 * @throws VERSION_UNSUPPORTED for other rules; SLOT_INVALID for another slot; UNAUTHORIZED off the roll;
 * AMOUNT_INVALID outside the band or off the tick.
 */
export function checkMarketOrder(
  order: MarketOrder,
  { rules, slotId }: { readonly rules: MarketRules; readonly slotId: string },
): void {
  if (order.rulesHash !== rulesHashOf(rules))
    throw new ProtocolError("VERSION_UNSUPPORTED", "the order was made for other rules");
  if (order.slotId !== slotId) throw new ProtocolError("SLOT_INVALID", `the order is for ${order.slotId}`);
  if (!rules.roll.some(({ agent_id }) => agent_id === order.agentId))
    throw new ProtocolError("UNAUTHORIZED", `${order.agentId} is not on the roll`);
  const limits = [order, ...(order.anyOf ?? [])].map((one) => one.limitMicroPerKWh);
  for (const limit of limits) {
    checkInteger("limitMicroPerKWh", limit, [rules.minMicroPerKWh, rules.maxMicroPerKWh]);
    if (limit % rules.tickMicro !== 0)
      throw new ProtocolError("AMOUNT_INVALID", `${limit} is off the tick of ${rules.tickMicro}`);
  }
}

/**
 * What an agent's orders of one slot must hold together.
 * @throws QUOTA_EXCEEDED for too many; ORDER_REJECTED (self_cross) for an own bid that takes an own ask; GRID_LIMIT over
 * the connection.
 */
export function checkOwnOrders(
  orders: readonly Pick<AuctionOrder, "side" | "qtyMilliWh" | "limitMicroPerKWh">[],
  rules: Pick<MarketRules, "maxOrdersPerAgent">,
  connection?: { readonly importMilliW: number; readonly exportMilliW: number; readonly durationS: number },
): void {
  if (orders.length > rules.maxOrdersPerAgent)
    throw new ProtocolError("QUOTA_EXCEEDED", `${orders.length} orders, at most ${rules.maxOrdersPerAgent}`);
  const bids = orders.filter(({ side }) => side === "bid");
  const asks = orders.filter(({ side }) => side === "ask");
  const best = Math.max(...bids.map((one) => one.limitMicroPerKWh));
  if (best >= Math.min(...asks.map((one) => one.limitMicroPerKWh)))
    throw new ProtocolError("ORDER_REJECTED", "an own bid takes an own ask", {
      data: { reason: "self_cross" },
    });
  if (connection === undefined) return;
  checkConnection(bids, connection.importMilliW * connection.durationS);
  checkConnection(asks, connection.exportMilliW * connection.durationS);
}

function checkConnection(
  orders: readonly Pick<AuctionOrder, "qtyMilliWh">[],
  milliWattSeconds: number,
): void {
  const wanted = orders.reduce((sum, { qtyMilliWh }) => sum + qtyMilliWh, 0);
  const most = Math.floor(milliWattSeconds / SECONDS_PER_HOUR);
  if (wanted > most)
    throw new ProtocolError("GRID_LIMIT", `${wanted} mWh over a connection that carries ${most}`);
}

const SECONDS_PER_HOUR = 3_600;
