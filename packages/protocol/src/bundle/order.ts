/** An order in a bundle: its bytes, its terms, its state and the documents that led there agree. */

import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "../bytes.ts";
import { verifyDocument } from "../document.ts";
import { type TradeDocument, tradeDocumentSigner } from "../messages/trade/index.ts";
import { amountMicro, slotId } from "../quantity.ts";
import type { VerifyEngine } from "../strict-verify.ts";
import { askedIn } from "./asked.ts";
import type { BundleOrder, TradeBundle } from "./bundle.ts";
import { invalid } from "./invalid.ts";
import { type CheckedRequest, checkRequest } from "./part.ts";
import { isAccepted, saidIn } from "./said.ts";

type Evidence = TradeDocument["type"] | "answer";

interface StateRule {
  readonly role: BundleOrder["role"] | "both";
  /** What must be there for the state to be true. */
  readonly needs: readonly Evidence[];
  /** The seller's answer, where it can be read: undefined for either. */
  readonly accepted?: boolean;
}

const states: Readonly<Record<BundleOrder["state"], StateRule>> = {
  HELD: { role: "buyer", needs: [] },
  COMMITTED: { role: "buyer", needs: ["answer"], accepted: true },
  RELEASED: { role: "buyer", needs: [] },
  PAID: { role: "buyer", needs: ["trade_delivery", "trade_payment"], accepted: true },
  CLOSED: { role: "buyer", needs: ["trade_delivery", "trade_payment", "trade_receipt"], accepted: true },
  ACCEPTED: { role: "seller", needs: ["answer"], accepted: true },
  REJECTED: { role: "seller", needs: ["answer"], accepted: false },
  ANNULLED: { role: "seller", needs: ["answer", "trade_annulment"], accepted: true },
  DELIVERED: { role: "seller", needs: ["answer", "trade_delivery"], accepted: true },
  SETTLED: {
    role: "seller",
    needs: ["answer", "trade_delivery", "trade_payment", "trade_receipt"],
    accepted: true,
  },
  DISPUTED: { role: "both", needs: ["trade_delivery"], accepted: true },
};

/** Documents that end what was before them, the last first: a state before them would be a lie. */
const ends: readonly (readonly [TradeDocument["type"], readonly BundleOrder["state"][]])[] = [
  ["trade_receipt", ["CLOSED", "SETTLED"]],
  ["trade_payment", ["PAID"]],
  ["trade_annulment", ["RELEASED", "ANNULLED"]],
  ["trade_dispute", ["DISPUTED"]],
  ["trade_delivery", ["DELIVERED", "DISPUTED"]],
];

interface Asked {
  readonly order: BundleOrder;
  /** Its place in the bundle. */
  readonly at: string;
  readonly engine: VerifyEngine;
}

/** The signatures that were checked. @throws BUNDLE_INVALID. */
export function checkOrder(bundle: TradeBundle, asked: Asked): number {
  const { order, at, engine } = asked;
  const confirm = checkRequest(order.order, `${at}.order`, { engine });
  if (confirm.signer !== order.buyer) throw invalid(`${at}.order`, "is not signed by the buyer");
  if (order.agentId !== order[order.role]) throw invalid(`${at}.agentId`, `is not the ${order.role}`);
  checkTerms(bundle, asked, confirm);
  const amount = amountMicro(order.quantityMilliWh, order.priceMicroPerKWh);
  if (amount !== order.amountMicro) throw invalid(`${at}.amountMicro`, `is not quantity × price, ${amount}`);
  const accepted = checkAnswer(bundle, asked);
  order.documents.forEach((document, index) => {
    checkDocument(bundle, asked, { document, at: `${at}.documents[${index}]` });
  });
  checkState(asked, accepted);
  return (order.answer === null ? 1 : 2) + order.documents.length;
}

/** What the seller decided; undefined where it did not, or its words were left out. */
function checkAnswer(bundle: TradeBundle, { order, at: place, engine }: Asked): boolean | undefined {
  if (order.answer === null) return undefined;
  const at = `${place}.answer`;
  const asked = askedIn([...bundle.frames, { request: order.order }]);
  const answer = checkRequest(order.answer, at, { engine, asked });
  if (answer.signer !== order.seller) throw invalid(at, "is not signed by the seller");
  const said = saidIn(bundle, answer, { order, action: "on_confirm", at });
  return said && isAccepted(said, order, at);
}

/** The terms told are those that the buyer signed. */
function checkTerms(bundle: TradeBundle, { order, at }: Asked, confirm: CheckedRequest): void {
  const said = saidIn(bundle, confirm, { order, action: "confirm", at: `${at}.order` });
  if (said === undefined || confirm.body === undefined) return;
  if (`sha256:${toHex(sha256(confirm.body))}` !== order.orderHash)
    throw invalid(`${at}.orderHash`, "is of another body");
  const { content } = said;
  if (content.kind !== "order" || content.order.further !== undefined)
    throw invalid(`${at}.order.body`, "is no order of one slot");
  const signed = content.order;
  const rows: readonly [keyof BundleOrder, unknown][] = [
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
  if (!("orderId" in document)) throw invalid(at, `${type} is of no order`);
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

function checkState({ order, at }: Asked, accepted: boolean | undefined): void {
  const { documents, state, role } = order;
  const there = new Set<string>(documents.map(({ type }) => type));
  if (there.size !== documents.length) throw invalid(`${at}.documents`, "two of one kind");
  const rule = states[state];
  if (rule.role !== "both" && rule.role !== role) throw invalid(`${at}.state`, `no ${role} is ${state}`);
  const has = (what: Evidence) => (what === "answer" ? order.answer !== null : there.has(what));
  const missing = rule.needs.find((what) => !has(what));
  if (missing !== undefined) throw invalid(`${at}.state`, `${state} without ${missing}`);
  const end = ends.find(([type]) => there.has(type));
  if (end !== undefined && !end[1].includes(state)) throw invalid(`${at}.state`, `${state} after ${end[0]}`);
  checkDecision({ state, rule, accepted }, { at, answered: has("answer"), annulled: has("trade_annulment") });
  checkAmounts(order, at);
}

/** A hold stands while nothing is decided, and ends by a refusal or an annulment alone. */
function checkDecision(
  told: {
    readonly state: BundleOrder["state"];
    readonly rule: StateRule;
    readonly accepted: boolean | undefined;
  },
  there: { readonly at: string; readonly answered: boolean; readonly annulled: boolean },
): void {
  const { state, rule, accepted } = told;
  const { at, answered, annulled } = there;
  if (state === "HELD" && answered) throw invalid(`${at}.state`, "HELD, though there is an answer");
  if (state === "RELEASED" && !annulled && (!answered || accepted === true))
    throw invalid(`${at}.state`, "RELEASED, though nobody refused or annulled it");
  if (accepted !== undefined && rule.accepted !== undefined && accepted !== rule.accepted)
    throw invalid(`${at}.state`, `${state}, though the seller ${accepted ? "accepted" : "refused"}`);
}

/** Paid for what was delivered at most, at the price agreed on. */
function checkAmounts(order: BundleOrder, at: string): void {
  const delivered = milliWhOf(order, "trade_delivery");
  const paid = milliWhOf(order, "trade_payment");
  if (delivered !== undefined && delivered > order.quantityMilliWh) {
    throw invalid(`${at}.documents`, "more was delivered than was sold");
  }
  for (const document of order.documents) {
    if (document.type === "trade_delivery" || document.type === "trade_payment")
      checkSlots(order, document, at);
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

/** An order is of one slot, and of no other is anything delivered or paid under its name. */
function checkSlots(
  { slotId: wanted }: BundleOrder,
  { type, slots }: { readonly type: string; readonly slots: readonly { readonly slotId: string }[] },
  at: string,
): void {
  if (slots.length !== 1 || slots[0]?.slotId !== wanted)
    throw invalid(`${at}.documents`, `${type} is of another slot`);
}
