/** Energy no contract covered, settled with the area's operator: one signed statement per agent and slot. */

import {
  amountMicro,
  MAX_MICRO_PER_KWH,
  MAX_MILLI_WH,
  parseSlotId,
  ProtocolError,
  type RecordedNonce,
  signDocument,
  slotId,
  type TradeDocument,
  type TradeImbalance,
  type TradeImbalanceReceipt,
} from "@gridmesh/protocol";
import { imbalanceKey } from "./apply.ts";
import { bookOf, type DeskContext, hostedOf } from "./context.ts";
import { balance, type Book, type ImbalanceState } from "./state.ts";
import { documentHash, sameDocument } from "./terms.ts";
import type { ImbalanceEntry } from "./types.ts";

const VERSION = "1.1";

/** @throws AGENT_NOT_FOUND, AGENT_UNAVAILABLE, AMOUNT_INVALID, SLOT_INVALID, FUNDS_INSUFFICIENT, QUANTITY_UNAVAILABLE. */
export async function bookImbalance(context: DeskContext, entry: ImbalanceEntry): Promise<void> {
  const { agentId: agent, quantityMilliWh, priceMicroPerKWh, operator } = entry;
  const book = bookOf(context, agent);
  checkSize(quantityMilliWh, MAX_MILLI_WH);
  checkSize(priceMicroPerKWh, MAX_MICRO_PER_KWH);
  if (quantityMilliWh === 0) return;
  const slotText = slotId(entry.slot);
  parseSlotId(slotText);
  const known = book.imbalances.get(imbalanceKey(operator.agentId, slotText));
  if (known !== undefined) return context.durable(known.lastSeq);
  const amount = amountMicro(quantityMilliWh, priceMicroPerKWh);
  checkCover(book, quantityMilliWh, amount);
  const statement = signDocument(
    {
      type: "trade_imbalance",
      version: VERSION,
      agent,
      operator: operator.agentId,
      slotId: slotText,
      quantityMilliWh,
      priceMicroPerKWh,
      amountMicro: amount,
      signedAtMs: context.clock.nowMs(),
    },
    { type: "trade_imbalance", network: context.network, signer: hostedOf(context, agent).signer },
  ) as TradeImbalance;
  const written = context.commit({
    kind: "imbalance",
    agent,
    side: "agent",
    counterparty: operator.agentId,
    counterpartyPeerId: operator.peerId,
    slotId: slotText,
    quantityMilliWh,
    priceMicroPerKWh,
    amountMicro: amount,
    documents: [statement],
  });
  const state = book.imbalances.get(imbalanceKey(operator.agentId, slotText));
  await written;
  if (state !== undefined) context.pursueStatement(state);
}

/** Operator: checks sign and price against its tariff, books the opposite once, answers the receipt. */
export async function onStatement(
  context: DeskContext,
  statement: TradeImbalance,
  from: { readonly peerId: string; readonly nonce: RecordedNonce | undefined },
): Promise<TradeDocument | undefined> {
  const { agent, operator, slotId: slotText, quantityMilliWh, priceMicroPerKWh } = statement;
  const book = context.state.books.get(operator);
  if (book === undefined) throw new ProtocolError("COUNTERPARTY_WRONG", `${operator} is not here`);
  const known = book.imbalances.get(imbalanceKey(agent, slotText));
  if (known !== undefined) return repeatReceipt(context, known, statement);
  checkStatement(context, statement);
  checkCover(book, -quantityMilliWh, -statement.amountMicro);
  const { type: _type, signature: _signature, signedAtMs: _signedAtMs, ...same } = statement;
  const receipt = signDocument(
    {
      ...same,
      type: "trade_imbalance_receipt",
      statementHash: documentHash(statement),
      signedAtMs: context.clock.nowMs(),
    },
    { type: "trade_imbalance_receipt", network: context.network, signer: hostedOf(context, operator).signer },
  ) as TradeImbalanceReceipt;
  await context.commit({
    kind: "imbalance",
    agent: operator,
    side: "operator",
    counterparty: agent,
    counterpartyPeerId: from.peerId,
    slotId: slotText,
    quantityMilliWh: negate(quantityMilliWh),
    priceMicroPerKWh,
    amountMicro: negate(statement.amountMicro),
    documents: [statement, receipt],
    ...(from.nonce === undefined ? {} : { nonce: from.nonce }),
  });
  return receipt;
}

/** Agent: the operator booked the opposite; the statement need not be sent again. */
export async function onImbalanceReceipt(
  context: DeskContext,
  receipt: TradeImbalanceReceipt,
  nonce: RecordedNonce | undefined,
): Promise<undefined> {
  const { agent, operator, slotId: slotText } = receipt;
  const known = context.state.books.get(agent)?.imbalances.get(imbalanceKey(operator, slotText));
  if (known === undefined) throw new ProtocolError("ORDER_NOT_FOUND", `no statement for ${slotText}`);
  if (known.receipt !== undefined) {
    if (!sameDocument(known.receipt, receipt)) throw new ProtocolError("EQUIVOCATION", slotText);
    return context.durable(known.lastSeq) as Promise<undefined>;
  }
  if (receipt.statementHash !== documentHash(known.record.documents?.[0])) {
    throw new ProtocolError("ORDER_CONFLICT", `a receipt for another statement of ${slotText}`);
  }
  await context.commit({
    kind: "imbalance_receipt",
    agent,
    counterparty: operator,
    slotId: slotText,
    documents: [receipt],
    ...(nonce === undefined ? {} : { nonce }),
  });
  return undefined;
}

async function repeatReceipt(
  context: DeskContext,
  known: ImbalanceState,
  statement: TradeImbalance,
): Promise<TradeDocument | undefined> {
  if (!sameDocument(known.record.documents?.[0], statement)) {
    context.log.warn("trade.equivocation", `two statements for ${statement.slotId}`, {
      agent: statement.agent,
    });
    throw new ProtocolError("ORDER_CONFLICT", `${statement.slotId} is settled with other content`);
  }
  await context.durable(known.lastSeq);
  return known.receipt;
}

/** @throws AGENT_UNAVAILABLE, COUNTERPARTY_WRONG (no operator), SLOT_INVALID, AMOUNT_INVALID, QUOTE_CHANGED (not its tariff). */
function checkStatement(context: DeskContext, statement: TradeImbalance): void {
  const { operator, quantityMilliWh, priceMicroPerKWh } = statement;
  const { tariff } = hostedOf(context, operator);
  if (tariff === undefined) throw new ProtocolError("COUNTERPARTY_WRONG", `${operator} is no operator`);
  parseSlotId(statement.slotId);
  if (quantityMilliWh === 0 || statement.amountMicro !== amountMicro(quantityMilliWh, priceMicroPerKWh)) {
    throw new ProtocolError("AMOUNT_INVALID", `${statement.amountMicro} for ${quantityMilliWh} mWh`);
  }
  const price = quantityMilliWh > 0 ? tariff.retailMicroPerKWh : tariff.feedInMicroPerKWh;
  if (priceMicroPerKWh !== price) throw new ProtocolError("QUOTE_CHANGED", `the tariff is ${price} per kWh`);
}

/** Nothing goes negative: who feeds in has the energy, who pays has the money. */
function checkCover(book: Book, quantityMilliWh: number, amount: number): void {
  const stored = balance(book.energy, "available");
  if (-quantityMilliWh > stored) throw new ProtocolError("QUANTITY_UNAVAILABLE", `${stored} mWh to feed in`);
  const funds = balance(book.money, "available");
  if (amount > funds) throw new ProtocolError("FUNDS_INSUFFICIENT", `${amount} of ${funds}`);
}

function checkSize(value: number, max: number): void {
  if (!Number.isSafeInteger(value) || Math.abs(value) > max)
    throw new ProtocolError("AMOUNT_INVALID", `${value}`);
}

function negate(value: number): number {
  return value === 0 ? 0 : -value;
}
