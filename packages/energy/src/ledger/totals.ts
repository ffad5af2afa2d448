/**
 * What a set of books comes to: trades, energy, money, the saving and the neighbourhood's figures. Everything is read
 * off the ledgers, so whoever holds the same books gets the same totals.
 */

import type { BookSnapshot, OrderSummary } from "@gridmesh/protocol";
import { mulDiv } from "@gridmesh/protocol";
import { ownUse, sameAssetsBillMicro, savingOf } from "../kpi.ts";
import type { OwnUse, Saving, SlotBalance, Tariff } from "../kpi.ts";
import { balanceOf, familyBalance } from "./accounts.ts";

export interface HouseholdTotals {
  readonly agent: string;
  readonly agentId: string;
  /** Under contract, mWh and micro-currency. */
  readonly boughtMilliWh: number;
  readonly soldMilliWh: number;
  readonly paidMicro: number;
  readonly receivedMicro: number;
  /** Settled with the operator without a contract, mWh. */
  readonly drawnMilliWh: number;
  readonly fedInMilliWh: number;
  /** All that was paid less all that was received, the operator's settlement with it. */
  readonly billMicro: number;
  readonly saving: Saving;
}

export interface LedgerTotals {
  /** Orders of households that a seller accepted, and those that one refused, too late ones apart. */
  readonly confirmed: number;
  readonly rejected: number;
  readonly expired: number;
  readonly tradedMilliWh: number;
  readonly fromHouseholdsMilliWh: number;
  readonly fromUtilityMilliWh: number;
  readonly drawnMilliWh: number;
  readonly fedInMilliWh: number;
  readonly loadMilliWh: number;
  readonly productionMilliWh: number;
  readonly volumeMicro: number;
  /** null without a trade. */
  readonly averagePriceMicroPerKWh: number | null;
  readonly saving: Saving;
  readonly kpi: OwnUse;
  readonly households: readonly HouseholdTotals[];
}

const BOUGHT = new Set<OrderSummary["state"]>(["COMMITTED", "DISPUTED", "PAID", "CLOSED"]);
const SOLD = new Set<OrderSummary["state"]>(["ACCEPTED", "DELIVERED", "DISPUTED", "SETTLED"]);

/** Totals over all books; `operators` are the agent_ids that are not households. */
export function ledgerTotals(
  books: readonly BookSnapshot[],
  area: { readonly operators: ReadonlySet<string>; readonly tariff: Tariff },
): LedgerTotals {
  const homes = books.filter((book) => !area.operators.has(book.agentId));
  const households = homes.map((book) => householdTotals(book, area.tariff)).sort(byName);
  const sum = (of: (home: HouseholdTotals) => number) =>
    households.reduce((total, home) => total + of(home), 0);
  const energy = (account: string) =>
    homes.reduce((total, book) => total + balanceOf(book, "energy", account), 0);
  const bought = homes.flatMap((book) => ordersIn(book, "buyer", BOUGHT));
  const fromUtility = bought.filter((order) => area.operators.has(order.counterparty));
  const tradedMilliWh = total(bought, quantityOf);
  const fromUtilityMilliWh = total(fromUtility, quantityOf);
  const volumeMicro = total(bought, amountOf);
  const loadMilliWh = energy("consumed");
  const drawnMilliWh = sum((home) => home.drawnMilliWh);
  const refused = books.flatMap((book) => book.orders.filter((order) => order.state === "REJECTED"));
  const expired = refused.filter((order) => order.reason === "OFFER_EXPIRED").length;
  return {
    confirmed: bought.length,
    rejected: refused.length - expired,
    expired,
    tradedMilliWh,
    fromHouseholdsMilliWh: tradedMilliWh - fromUtilityMilliWh,
    fromUtilityMilliWh,
    drawnMilliWh,
    fedInMilliWh: sum((home) => home.fedInMilliWh),
    loadMilliWh,
    productionMilliWh: 0 - energy("produced"),
    volumeMicro,
    averagePriceMicroPerKWh: tradedMilliWh === 0 ? null : mulDiv(volumeMicro, 1_000_000, tradedMilliWh),
    saving: savingOf(
      "same-assets-utility-only",
      sum((home) => home.saving.baselineMicro),
      sum((home) => home.billMicro),
    ),
    kpi: ownUse({
      loadMilliWh,
      productionMilliWh: 0 - energy("produced"),
      importMilliWh: fromUtilityMilliWh + drawnMilliWh,
    }),
    households,
  };
}

function householdTotals(book: BookSnapshot, tariff: Tariff): HouseholdTotals {
  const bought = ordersIn(book, "buyer", BOUGHT);
  const sold = ordersIn(book, "seller", SOLD);
  const settled = Object.entries(book.energy).filter(([account]) => account.startsWith("imbalance/"));
  const drawnMilliWh = settled.reduce((sum, [, balance]) => sum + Math.max(0, -balance), 0);
  const fedInMilliWh = settled.reduce((sum, [, balance]) => sum + Math.max(0, balance), 0);
  const money = (family: string) => familyBalance(book, "money", family);
  const billMicro = money("paid") + money("received") + money("fees") + balanceOf(book, "money", "imbalance");
  const baselineMicro = sameAssetsBillMicro(slotBalances({ bought, sold, settled }), tariff);
  return {
    agent: book.name,
    agentId: book.agentId,
    boughtMilliWh: total(bought, quantityOf),
    soldMilliWh: total(sold, quantityOf),
    paidMicro: total(bought, amountOf),
    receivedMicro: total(sold, amountOf),
    drawnMilliWh,
    fedInMilliWh,
    billMicro,
    saving: savingOf("same-assets-utility-only", baselineMicro, billMicro),
  };
}

/** What a home lacked in a slot it bought or drew, what it had to spare it sold or fed in. */
function slotBalances(moves: {
  readonly bought: readonly OrderSummary[];
  readonly sold: readonly OrderSummary[];
  readonly settled: readonly (readonly [account: string, balance: number])[];
}): Iterable<SlotBalance> {
  const slots = new Map<string, { needMilliWh: number; surplusMilliWh: number }>();
  const at = (slot: string) => {
    const known = slots.get(slot) ?? { needMilliWh: 0, surplusMilliWh: 0 };
    slots.set(slot, known);
    return known;
  };
  for (const order of moves.bought) at(order.slotId).needMilliWh += quantityOf(order);
  for (const order of moves.sold) at(order.slotId).surplusMilliWh += quantityOf(order);
  for (const [account, balance] of moves.settled) {
    const slot = at(account.slice("imbalance/".length));
    slot.needMilliWh += Math.max(0, -balance);
    slot.surplusMilliWh += Math.max(0, balance);
  }
  return slots.values();
}

function ordersIn(
  book: BookSnapshot,
  role: OrderSummary["role"],
  states: ReadonlySet<OrderSummary["state"]>,
): readonly OrderSummary[] {
  return book.orders.filter((order) => order.role === role && states.has(order.state));
}

/** Delivered where it has been, else contracted. */
function quantityOf(order: OrderSummary): number {
  return order.finalMilliWh ?? order.quantityMilliWh;
}

function amountOf(order: OrderSummary): number {
  return order.finalAmountMicro ?? order.amountMicro;
}

function total(orders: readonly OrderSummary[], of: (order: OrderSummary) => number): number {
  return orders.reduce((sum, order) => sum + of(order), 0);
}

function byName(a: HouseholdTotals, b: HouseholdTotals): number {
  return a.agent < b.agent ? -1 : 1;
}
