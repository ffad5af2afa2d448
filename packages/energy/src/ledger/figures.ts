/** A report's figures, from the books alone: whoever holds them computes the same. */

import type { BookSnapshot, OrderSummary } from "@gridmesh/protocol";
import { balanceOf, familyBalance, storedMilliWh } from "./accounts.ts";
import { ownUse, sameAssetsBillMicro, savingOf } from "../kpi.ts";
import type { OwnUse, Saving, SlotBalance, Tariff } from "../kpi.ts";

/** What an agent did, as its book shows it. */
export interface AgentFigures {
  readonly agentId: string;
  readonly name: string;
  /** Purchases delivered and paid. */
  readonly purchases: number;
  readonly boughtMilliWh: number;
  readonly soldMilliWh: number;
  readonly paidMicro: number;
  readonly receivedMicro: number;
  /** Settled with the operator without a contract. */
  readonly drawnMilliWh: number;
  readonly fedInMilliWh: number;
  readonly producedMilliWh: number;
  readonly consumedMilliWh: number;
  readonly lossMilliWh: number;
  readonly storedMilliWh: number;
  /** Paid less received, with fees and what was settled with the operator. */
  readonly billMicro: number;
}

export interface HouseholdFigures extends AgentFigures {
  /** Against the same assets with the utility only. */
  readonly saving: Saving;
}

export interface NeighbourhoodFigures {
  /** Delivered and paid trades. */
  readonly trades: number;
  readonly energy: {
    readonly tradedMilliWh: number;
    readonly fromHouseholdsMilliWh: number;
    readonly fromUtilityMilliWh: number;
    readonly fedInMilliWh: number;
    readonly drawnMilliWh: number;
    readonly producedMilliWh: number;
    readonly consumedMilliWh: number;
  };
  readonly money: { readonly volumeMicro: number; readonly averagePriceMicroPerKWh: number | null };
  readonly savings: Saving;
  readonly kpi: OwnUse;
  readonly households: readonly HouseholdFigures[];
}

/** Reads a book; needs no other. */
export function agentFigures(book: BookSnapshot): AgentFigures {
  const paidMicro = familyBalance(book, "money", "paid");
  const receivedMicro = unsigned(-familyBalance(book, "money", "received"));
  const settled = [...settledBySlot(book).values()];
  return {
    agentId: book.agentId,
    name: book.name,
    purchases: book.orders.filter(isReceived).length,
    boughtMilliWh: unsigned(-familyBalance(book, "energy", "in")),
    soldMilliWh: familyBalance(book, "energy", "out"),
    paidMicro,
    receivedMicro,
    drawnMilliWh: settled.reduce((sum, fed) => sum + Math.max(0, -fed), 0),
    fedInMilliWh: settled.reduce((sum, fed) => sum + Math.max(0, fed), 0),
    producedMilliWh: unsigned(-balanceOf(book, "energy", "produced")),
    consumedMilliWh: balanceOf(book, "energy", "consumed"),
    lossMilliWh: balanceOf(book, "energy", "loss"),
    storedMilliWh: storedMilliWh(book),
    billMicro:
      paidMicro -
      receivedMicro +
      familyBalance(book, "money", "imbalance") +
      familyBalance(book, "money", "fees"),
  };
}

/** Need and surplus per slot id: what was bought or drawn, what was sold or fed in. */
export function slotBalances(book: BookSnapshot): Map<string, SlotBalance> {
  const slots = new Map<string, { needMilliWh: number; surplusMilliWh: number }>();
  const at = (slotId: string): { needMilliWh: number; surplusMilliWh: number } => {
    const slot = slots.get(slotId) ?? { needMilliWh: 0, surplusMilliWh: 0 };
    slots.set(slotId, slot);
    return slot;
  };
  for (const [slotId, fed] of settledBySlot(book)) {
    if (fed < 0) at(slotId).needMilliWh -= fed;
    if (fed > 0) at(slotId).surplusMilliWh += fed;
  }
  for (const order of book.orders) {
    if (isReceived(order)) at(order.slotId).needMilliWh += order.finalMilliWh ?? 0;
    if (isDelivered(order)) at(order.slotId).surplusMilliWh += order.finalMilliWh ?? 0;
  }
  return slots;
}

/** The figures of all households; `operators` are the agent_ids of utilities, whose sales are not the neighbours'. */
export function neighbourhoodFigures(
  books: readonly BookSnapshot[],
  options: { readonly operators: ReadonlySet<string>; readonly tariff: Tariff },
): NeighbourhoodFigures {
  const homes = books.filter((book) => !options.operators.has(book.agentId));
  const purchases = homes.flatMap((book) => book.orders.filter(isReceived));
  const energyOf = (orders: readonly OrderSummary[]): number =>
    orders.reduce((sum, order) => sum + (order.finalMilliWh ?? 0), 0);
  const households = homes.map((book) => householdFigures(book, options.tariff));
  const total = (of: (home: HouseholdFigures) => number): number =>
    households.reduce((sum, home) => sum + of(home), 0);
  const tradedMilliWh = energyOf(purchases);
  const fromUtilityMilliWh = energyOf(purchases.filter((order) => options.operators.has(order.counterparty)));
  const volumeMicro = purchases.reduce((sum, order) => sum + (order.finalAmountMicro ?? 0), 0);
  const drawnMilliWh = total((home) => home.drawnMilliWh);
  const consumedMilliWh = total((home) => home.consumedMilliWh);
  const producedMilliWh = total((home) => home.producedMilliWh);
  return {
    trades: purchases.length,
    energy: {
      tradedMilliWh,
      fromHouseholdsMilliWh: tradedMilliWh - fromUtilityMilliWh,
      fromUtilityMilliWh,
      fedInMilliWh: total((home) => home.fedInMilliWh),
      drawnMilliWh,
      producedMilliWh,
      consumedMilliWh,
    },
    money: {
      volumeMicro,
      averagePriceMicroPerKWh:
        tradedMilliWh === 0 ? null : Math.round((volumeMicro / tradedMilliWh) * 1_000_000),
    },
    savings: savingOf(
      "same-assets-utility-only",
      total((home) => home.saving.baselineMicro),
      total((home) => home.billMicro),
    ),
    kpi: ownUse({
      loadMilliWh: consumedMilliWh,
      productionMilliWh: producedMilliWh,
      importMilliWh: fromUtilityMilliWh + drawnMilliWh,
    }),
    households,
  };
}

function householdFigures(book: BookSnapshot, tariff: Tariff): HouseholdFigures {
  const figures = agentFigures(book);
  const baseline = sameAssetsBillMicro(slotBalances(book).values(), tariff);
  return { ...figures, saving: savingOf("same-assets-utility-only", baseline, figures.billMicro) };
}

/** Positive: fed in to the operator; negative: drawn from it. */
function settledBySlot(book: BookSnapshot): Map<string, number> {
  const prefix = "imbalance/";
  const entries = Object.entries(book.energy).filter(([account]) => account.startsWith(prefix));
  return new Map(entries.map(([account, balance]) => [account.slice(prefix.length), balance]));
}

function isReceived(order: OrderSummary): boolean {
  return order.role === "buyer" && (order.state === "PAID" || order.state === "CLOSED");
}

function isDelivered(order: OrderSummary): boolean {
  return order.role === "seller" && (order.state === "DELIVERED" || order.state === "SETTLED");
}

/** −0 is no figure. */
function unsigned(value: number): number {
  return value === 0 ? 0 : value;
}
