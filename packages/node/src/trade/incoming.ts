/** Documents from a counterparty: whose are they, does the signature hold, and what do they change. */

import {
  ProtocolError,
  type RecordedNonce,
  type TradeDocument,
  tradeDocumentSigner,
  verifyDocument,
} from "@gridmesh/protocol";
import { onAnnulment, onCancel } from "./cancel.ts";
import type { DeskContext } from "./context.ts";
import { onDelivery, onPayment, onReceipt } from "./delivery.ts";
import { onDispute } from "./disputes.ts";
import { onStatementOfAll } from "./statements.ts";
import { onImbalanceReceipt, onStatement } from "./imbalance.ts";

/** Who sent them, to whom, in which message. */
export interface Sender {
  readonly signerId: string;
  /** The local agent addressed. */
  readonly recipientId: string;
  readonly peerId: string;
  readonly nonce: RecordedNonce | undefined;
}

/**
 * Takes each document and returns the answers; one bad document does not stop the others.
 * @throws the first error when no document has an answer.
 */
export async function receiveDocuments(
  context: DeskContext,
  sender: Sender,
  documents: readonly TradeDocument[],
): Promise<readonly TradeDocument[]> {
  const results = await Promise.allSettled(
    documents.map((document) => receiveDocument(context, sender, document)),
  );
  const answers: TradeDocument[] = [];
  let failure: { readonly reason: unknown } | undefined;
  for (const result of results) {
    if (result.status === "rejected") failure ??= { reason: result.reason };
    else if (result.value !== undefined) answers.push(result.value);
  }
  if (failure !== undefined && answers.length === 0) throw failure.reason;
  return answers;
}

async function receiveDocument(
  context: DeskContext,
  sender: Sender,
  document: TradeDocument,
): Promise<TradeDocument | undefined> {
  const signerField = tradeDocumentSigner[document.type];
  const { author, addressee } = partiesOf(document);
  if (author !== sender.signerId || addressee !== sender.recipientId) {
    throw new ProtocolError("COUNTERPARTY_WRONG", `${document.type} of ${author} for ${addressee}`);
  }
  const { network, engine } = context;
  verifyDocument(document, { type: document.type, network, engine, signerField });
  switch (document.type) {
    case "trade_delivery":
      return onDelivery(context, document, sender.nonce);
    case "trade_payment":
      return onPayment(context, document, sender.nonce);
    case "trade_receipt":
      return onReceipt(context, document, sender.nonce);
    case "trade_dispute":
      return onDispute(context, document, sender.nonce);
    case "trade_cancel":
      return onCancel(context, document, sender.nonce);
    case "trade_annulment":
      return onAnnulment(context, document, sender.nonce);
    case "trade_imbalance":
      return onStatement(context, document, sender);
    case "trade_imbalance_receipt":
      return onImbalanceReceipt(context, document, sender.nonce);
    case "trade_statement":
      return onStatementOfAll(context, document, sender);
    default:
      throw new ProtocolError("TYPE_UNKNOWN", "no such document");
  }
}

function partiesOf(document: TradeDocument): { readonly author: string; readonly addressee: string } {
  switch (document.type) {
    case "trade_payment":
    case "trade_dispute":
    case "trade_cancel":
      return { author: document.buyer, addressee: document.seller };
    case "trade_imbalance":
      return { author: document.agent, addressee: document.operator };
    case "trade_imbalance_receipt":
      return { author: document.operator, addressee: document.agent };
    case "trade_statement":
      return { author: document.agent, addressee: document.counterparty };
    default:
      return { author: document.seller, addressee: document.buyer };
  }
}
