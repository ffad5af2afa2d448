/** Well-formed lies by peers who are who they say they are, about trades that are not theirs. */

import { amountMicro, signDocument, type TradeDocument, uuidV7 } from "@gridmesh/protocol";
import type { OrderHalf } from "../../trade/state.ts";
import type { OrderTerms } from "../../trade/types.ts";
import { orderTermsOf } from "../../trade/terms.ts";
import { orderBytes } from "./courier.ts";
import { NETWORK, type SimNode } from "./node.ts";
import type { Trouble } from "./trouble.ts";
import type { World } from "./world.ts";

interface Scene {
  readonly world: World;
  readonly liar: SimNode;
  readonly victim: SimNode;
  /** An order of the victim with a third node. */
  readonly half: OrderHalf;
}

/** One message of a liar to a victim about an order of others. */
export function tellLie({ world, nodes }: Trouble): void {
  const { chance } = world;
  const [liar, victim] = [chance.pick(nodes), chance.pick(nodes)];
  const book = victim.life.context?.state.books.get(victim.agentId);
  if (liar === victim || !victim.isUp || !liar.isUp || book === undefined || book.orders.size === 0) return;
  const half = chance.pick([...book.orders.values()]);
  world.counts.lies += 1;
  const isParty = half.terms.buyer === liar.agentId || half.terms.seller === liar.agentId;
  const lies = isParty ? partyLies : strangerLies;
  chance.pick(lies)({ world, liar, victim, half });
}

/** What someone with no part in the order may try. */
const strangerLies: readonly ((scene: Scene) => void)[] = [
  decideForTheSeller,
  repeatDocuments,
  makeUpDelivery,
  makeUpPayment,
  makeUpReceipt,
  makeUpCancel,
  makeUpDispute,
  makeUpAnnulment,
  orderInTheNameOfTheBuyer,
  orderOfWrongAmount,
  orderOfNothing,
];
/** A counterparty's own lies can only be proved, so of its own orders it repeats what it said, in other words. */
const partyLies: readonly ((scene: Scene) => void)[] = [orderOfWrongAmount, orderOfNothing, changeOwnOrder];

function decideForTheSeller({ world, liar, victim, half }: Scene): void {
  const accepted = world.chance.hits(0.5);
  const decision = { accepted, contractId: "made-up", ...(accepted ? {} : { reason: "OFFER_EXPIRED" }) };
  const bytes = { header: "", body: JSON.stringify({ ...decision, answers: half.order.body }) };
  tell(liar, victim, { type: "decision", orderId: half.terms.orderId, decision, bytes });
}

/** The true documents, in a message of somebody else. */
function repeatDocuments({ liar, victim, half }: Scene): void {
  const documents = Object.values(half.documents);
  if (documents.length > 0) tell(liar, victim, { type: "trade_send", documents });
}

function makeUpDelivery({ world, liar, victim, half }: Scene): void {
  const { slotId, quantityMilliWh } = half.terms;
  const allocatedMilliWh = world.chance.below(quantityMilliWh + 1);
  const slots = [{ slotId, allocatedMilliWh, committedTotalMilliWh: quantityMilliWh }];
  sendDocument(liar, victim, { half, type: "trade_delivery", fields: { slots } });
}

function makeUpPayment({ world, liar, victim, half }: Scene): void {
  const { slotId, quantityMilliWh, priceMicroPerKWh } = half.terms;
  const most = half.deliveredMilliWh ?? quantityMilliWh;
  const finalMilliWh = world.chance.hits(0.5) ? most : world.chance.below(most + 1);
  const fields = {
    slots: [{ slotId, finalMilliWh }],
    amountMicro: amountMicro(finalMilliWh, priceMicroPerKWh),
    buyerFeesMicro: 0,
  };
  sendDocument(liar, victim, { half, type: "trade_payment", fields });
}

function makeUpReceipt({ liar, victim, half }: Scene): void {
  const fields = { amountMicro: half.finalAmountMicro ?? half.terms.amountMicro };
  sendDocument(liar, victim, { half, type: "trade_receipt", fields });
}

function makeUpCancel({ liar, victim, half }: Scene): void {
  if (half.role === "seller") sendDocument(liar, victim, { half, type: "trade_cancel", fields: {} });
}

function makeUpDispute({ liar, victim, half }: Scene): void {
  if (half.role !== "seller") return;
  sendDocument(liar, victim, { half, type: "trade_dispute", fields: { claimMilliWh: 0 } });
}

function makeUpAnnulment({ liar, victim, half }: Scene): void {
  if (half.role !== "buyer") return;
  sendDocument(liar, victim, { half, type: "trade_annulment", fields: { reason: "cancelled" } });
}

/** Terms like all others, for a buyer who knows nothing of them. */
function orderInTheNameOfTheBuyer({ world, liar, victim, half }: Scene): void {
  if (half.role !== "seller") return;
  sendOrder(liar, victim, { ...orderTermsOf(half.terms), orderId: uuidV7(liar.wallMs(), world.chance) });
}

function orderOfWrongAmount({ world, liar, victim, half }: Scene): void {
  if (half.role !== "seller") return;
  const terms = ownTerms({ world, liar, victim, half });
  sendOrder(liar, victim, { ...terms, amountMicro: world.chance.below(terms.amountMicro + 1) - 1 });
}

function orderOfNothing({ world, liar, victim, half }: Scene): void {
  if (half.role !== "seller") return;
  const quantityMilliWh = -world.chance.below(1_000_000);
  const terms = ownTerms({ world, liar, victim, half });
  const amount = amountMicro(quantityMilliWh, terms.priceMicroPerKWh);
  sendOrder(liar, victim, { ...terms, quantityMilliWh, amountMicro: amount });
}

/** A decided order again, with other content under the same id: it gets no decision of its own. */
function changeOwnOrder({ liar, victim, half }: Scene): void {
  if (half.role !== "seller") return;
  const terms = orderTermsOf(half.terms);
  const quantityMilliWh = terms.quantityMilliWh + 1;
  const amount = amountMicro(quantityMilliWh, terms.priceMicroPerKWh);
  sendOrder(liar, victim, { ...terms, quantityMilliWh, amountMicro: amount });
}

function ownTerms({ world, liar, half }: Scene): OrderTerms {
  return {
    ...orderTermsOf(half.terms),
    orderId: uuidV7(liar.wallMs(), world.chance),
    buyer: liar.agentId,
    buyerPeerId: liar.peerId,
    untilMs: Number.MAX_SAFE_INTEGER,
  };
}

function sendOrder(liar: SimNode, victim: SimNode, terms: OrderTerms): void {
  tell(liar, victim, { type: "order", terms, order: orderBytes(terms) });
}

const BUYERS: readonly string[] = ["trade_payment", "trade_cancel", "trade_dispute"];

interface MadeUp {
  readonly half: OrderHalf;
  readonly type: TradeDocument["type"];
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Signed by the liar, in the name of the true party or in its own. */
function sendDocument(liar: SimNode, victim: SimNode, { half, type, fields }: MadeUp): void {
  const { buyer, seller, orderId } = half.terms;
  const isOwnName = liar.parts.world.chance.hits(0.5);
  const author = BUYERS.includes(type) ? "buyer" : "seller";
  const parties = { buyer, seller, ...(isOwnName ? { [author]: liar.agentId } : {}) };
  const { signer } = liar.parts.identity;
  const document = signDocument(
    {
      type,
      version: "1.1",
      orderId,
      orderHash: half.orderHash,
      ...parties,
      signedAtMs: liar.wallMs(),
      ...fields,
    },
    { type, network: NETWORK, signer },
  );
  tell(liar, victim, { type: "trade_send", documents: [document] });
}

function tell(
  liar: SimNode,
  victim: SimNode,
  body: { readonly type: string } & Readonly<Record<string, unknown>>,
): void {
  const { net } = liar.parts;
  net.send(liar, victim.index, { type: body.type, body: { ...body, recipient_id: victim.agentId } });
}
