/** An order in a bundle: its bytes, its terms, its state and the documents that led there agree. */

import { sha256 } from "@noble/hashes/sha2.js";
import { becknWire, parseBecknBody } from "../beckn/index.ts";
import { toHex } from "../bytes.ts";
import { verifyDocument } from "../document.ts";
import { type TradeDocument, tradeDocumentSigner } from "../messages/trade/index.ts";
import { amountMicro, slotId } from "../quantity.ts";
import type { VerifyEngine } from "../strict-verify.ts";
import type { BundleOrder, TradeBundle } from "./bundle.ts";
import { invalid } from "./invalid.ts";
import { type CheckedRequest, checkRequest } from "./part.ts";

/** What must be there for a state to be true. */
const needs: Readonly<Record<BundleOrder["state"], readonly (TradeDocument["type"] | "answer")[]>> = {
  HELD: [],
  COMMITTED: [],
  RELEASED: [],
  PAID: ["trade_delivery", "trade_payment"],
  CLOSED: ["trade_delivery", "trade_payment", "trade_receipt"],
  ACCEPTED: ["answer"],
  REJECTED: ["answer"],
  ANNULLED: ["answer", "trade_annulment"],
  DELIVERED: ["answer", "trade_delivery"],
  SETTLED: ["answer", "trade_delivery", "trade_payment", "trade_receipt"],
  DISPUTED: ["trade_delivery"],
};

interface Asked {
  readonly order: BundleOrder;
  /** Its place in the bundle. */
  readonly at: string;
  readonly engine: VerifyEngine;
}

/** The signatures that were checked. @throws BUNDLE_INVALID. */
export function checkOrder(bundle: TradeBundle, asked: Asked): number {
  const { order, at, engine } = asked;
  const confirm = checkRequest(order.order, `${at}.order`, engine);
  if (confirm.signer !== order.buyer) throw invalid(`${at}.order`, "is not signed by the buyer");
  if (order.agentId !== order[order.role]) throw invalid(`${at}.agentId`, `is not the ${order.role}`);
  if (confirm.body !== undefined) checkTerms(bundle, asked, confirm);
  const amount = amountMicro(order.quantityMilliWh, order.priceMicroPerKWh);
  if (amount !== order.amountMicro) throw invalid(`${at}.amountMicro`, `is not quantity × price, ${amount}`);
  let signatures = 1;
  if (order.answer !== null) {
    const answer = checkRequest(order.answer, `${at}.answer`, engine);
    if (answer.signer !== order.seller) throw invalid(`${at}.answer`, "is not signed by the seller");
    signatures += 1;
  }
  order.documents.forEach((document, index) => {
    checkDocument(bundle, asked, { document, at: `${at}.documents[${index}]` });
  });
  checkState(asked);
  return signatures + order.documents.length;
}

/** The terms told are those that the buyer signed. */
function checkTerms(bundle: TradeBundle, { order, at }: Asked, confirm: CheckedRequest): void {
  const body = confirm.body ?? new Uint8Array();
  if (`sha256:${toHex(sha256(body))}` !== order.orderHash)
    throw invalid(`${at}.orderHash`, "is of another body");
  const wire = becknWire(confirm.profile);
  if (wire === undefined) throw invalid(`${at}.order.header`, "names a revision that is not spoken");
  let said;
  try {
    const json = parseBecknBody(body);
    const context = wire.decodeContext(json);
    said = { context, content: wire.decodeContent(json, context) };
  } catch (error) {
    throw invalid(`${at}.order.body`, "is no order", error);
  }
  const { context, content } = said;
  if (context.transactionId !== bundle.transactionId)
    throw invalid(`${at}.order.body`, "is of another transaction");
  if (content.kind !== "order") throw invalid(`${at}.order.body`, "is no order");
  const signed = content.order;
  const rows: readonly [keyof BundleOrder, unknown][] = [
    ["orderId", context.messageId],
    ["seller", signed.seller],
    ["slotId", slotId(signed.slot)],
    ["quantityMilliWh", signed.quantityMilliWh],
    ["priceMicroPerKWh", signed.priceMicroPerKWh],
    ["currency", signed.currency],
  ];
  for (const [name, value] of rows) {
    if (order[name] !== value) throw invalid(`${at}.${name}`, "is not what the buyer signed");
  }
}

function checkDocument(
  { network }: TradeBundle,
  { order, engine }: Asked,
  { document, at }: { readonly document: TradeDocument; readonly at: string },
): void {
  const { type } = document;
  if (type === "trade_imbalance" || type === "trade_imbalance_receipt")
    throw invalid(at, `${type} is of no order`);
  try {
    const signerField = tradeDocumentSigner[type];
    verifyDocument(document, { type, network, engine, signerField });
  } catch (error) {
    throw invalid(at, "its signature does not hold", error);
  }
  for (const name of ["orderId", "orderHash", "buyer", "seller"] as const) {
    if (document[name] !== order[name]) throw invalid(`${at}.${name}`, "is of another order");
  }
}

function checkState({ order, at }: Asked): void {
  const { documents, state } = order;
  const there = new Set<string>(documents.map(({ type }) => type));
  if (order.answer !== null) there.add("answer");
  const missing = needs[state].find((what) => !there.has(what));
  if (missing !== undefined) throw invalid(`${at}.state`, `${state} without ${missing}`);
  if (there.size !== documents.length + (order.answer === null ? 0 : 1)) {
    throw invalid(`${at}.documents`, "two of one kind");
  }
  checkAmounts(order, at);
}

/** Paid for what was delivered at most, at the price agreed on. */
function checkAmounts(order: BundleOrder, at: string): void {
  const delivered = milliWhOf(order, "trade_delivery");
  const paid = milliWhOf(order, "trade_payment");
  if (delivered !== undefined && delivered > order.quantityMilliWh) {
    throw invalid(`${at}.documents`, "more was delivered than was sold");
  }
  for (const document of order.documents) {
    if (document.type !== "trade_payment" && document.type !== "trade_receipt") continue;
    if (paid === undefined) throw invalid(`${at}.documents`, "a receipt without a payment");
    if (paid > (delivered ?? 0)) throw invalid(`${at}.documents`, "more was paid for than was delivered");
    const amount = amountMicro(paid, order.priceMicroPerKWh);
    if (document.amountMicro !== amount) throw invalid(`${at}.documents`, `${document.type}: not ${amount}`);
  }
}

function milliWhOf(order: BundleOrder, type: "trade_delivery" | "trade_payment"): number | undefined {
  const document = order.documents.find((one) => one.type === type);
  if (document?.type === "trade_delivery")
    return document.slots.reduce((sum, one) => sum + one.allocatedMilliWh, 0);
  if (document?.type === "trade_payment")
    return document.slots.reduce((sum, one) => sum + one.finalMilliWh, 0);
  return undefined;
}
