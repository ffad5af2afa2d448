/** Opening an agent's book, what is in it, and energy that enters or leaves it outside a trade. */

import { type BookSnapshot, MAX_MICRO, MAX_MILLI_WH, ProtocolError } from "@gridmesh/protocol";
import { energyKey } from "./apply.ts";
import { bookOf, type DeskContext } from "./context.ts";
import { balance, type Book, summaryOf } from "./state.ts";
import type { EnergyEntry, TradeDesk } from "./types.ts";

export async function openBook(
  context: DeskContext,
  options: Parameters<TradeDesk["open"]>[0],
): Promise<void> {
  const { signer, name, moneyMicro, energyMilliWh, capacityMilliWh, policy, tariff } = options;
  checkAmount(moneyMicro, MAX_MICRO);
  checkAmount(energyMilliWh, MAX_MILLI_WH);
  checkAmount(capacityMilliWh, MAX_MILLI_WH);
  const agent = signer.agentId;
  context.hosted.set(agent, { signer, policy, tariff });
  if (context.state.books.has(agent)) {
    await context.durable(context.state.lastSeq);
  } else {
    await context.commit({ kind: "open", agent, name, moneyMicro, energyMilliWh, capacityMilliWh });
  }
  context.resume(agent);
}

export function snapshotOf(context: DeskContext, book: Book): BookSnapshot {
  return {
    agentId: book.agentId,
    name: book.name,
    peerId: context.peerId,
    capacityMilliWh: book.capacityMilliWh,
    money: Object.fromEntries(book.money),
    energy: Object.fromEntries(book.energy),
    entries: book.entries,
    orders: [...book.orders.values()].map(summaryOf),
  };
}

/** Stored energy that is neither contracted nor reserved, mWh. */
export function availableMilliWh(context: DeskContext, agentId: string): number {
  const stored = balance(bookOf(context, agentId).energy, "available");
  return stored - context.shelf.reservedOf(agentId, context.market.nowMs());
}

/** What may still be bought for a slot: the rest of its need, or else the room in the battery. */
export function roomMilliWh(context: DeskContext, agentId: string, slotId: string): number {
  const book = bookOf(context, agentId);
  const need = context.needs.get(needKey(agentId, slotId));
  const room =
    need === undefined
      ? book.capacityMilliWh - balance(book.energy, "available") - book.openPurchasesMilliWh
      : need - balance(book.purchased, slotId);
  return Math.max(0, room);
}

export function needKey(agentId: string, slotId: string): string {
  return `${agentId} ${slotId}`;
}

/** @throws AGENT_NOT_FOUND, AMOUNT_INVALID, QUANTITY_UNAVAILABLE (more than the book holds). */
export async function recordEnergy(context: DeskContext, entry: EnergyEntry): Promise<void> {
  const { kind, agentId, key, quantityMilliWh, plan } = entry;
  const book = bookOf(context, agentId);
  checkAmount(quantityMilliWh, MAX_MILLI_WH);
  const known = book.energyRecords.get(energyKey(kind, key));
  if (known !== undefined) return context.durable(known.seq);
  const stored = balance(book.energy, "available");
  if (kind !== "produce" && quantityMilliWh > stored) {
    throw new ProtocolError("QUANTITY_UNAVAILABLE", `${kind} ${quantityMilliWh} mWh of ${stored}`);
  }
  await context.commit({
    kind,
    agent: agentId,
    key,
    quantityMilliWh,
    ...(plan === undefined ? {} : { plan }),
  });
}

export function energyEntry(
  context: DeskContext,
  agentId: string,
  { kind, key }: Pick<EnergyEntry, "kind" | "key">,
): EnergyEntry | undefined {
  const record = context.state.books.get(agentId)?.energyRecords.get(energyKey(kind, key));
  if (record === undefined) return undefined;
  const { quantityMilliWh, plan } = record;
  return { kind, agentId, key, quantityMilliWh, ...(plan === undefined ? {} : { plan }) };
}

function checkAmount(amount: number, max: number): void {
  if (!Number.isSafeInteger(amount) || amount < 0 || amount > max) {
    throw new ProtocolError("AMOUNT_INVALID", `${amount} is no amount of 0 … ${max}`);
  }
}
