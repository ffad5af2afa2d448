/** `/gridmesh/trade/1`: documents out, documents in, and questions for them. */

import {
  MAX_QUERY_ORDERS,
  ProtocolError,
  type RecordedNonce,
  type TradeDocument,
  type TradeOrders,
  type TradeQuery,
  type TradeReconcile,
  type TradeSend,
} from "@gridmesh/protocol";
import type { Draft, Received } from "../signed-exchange.ts";
import { answerOrders, answerReconcile } from "./agreement.ts";
import { type DeskContext, hostedOf, type Party } from "./context.ts";
import { orderWith } from "./differences.ts";
import { receiveDocuments, type Sender } from "./incoming.ts";
import type { Book, OrderHalf } from "./state.ts";

const ANSWER_WITHIN_MS = 5_000;
const MAX_ANSWERS = 8;

/** Answers trade messages until disposed. */
export function listen(context: DeskContext): Disposable {
  const stack = new DisposableStack();
  stack.use(
    context.exchange.handle("trade", "trade_send", async (received) => {
      const sender = senderOf(received);
      checkUnspent(context, sender);
      const answers = await receiveDocuments(context, sender, documentsIn(received));
      return answers.length === 0 ? undefined : reply(context, received, answers);
    }),
  );
  stack.use(
    context.exchange.handle("trade", "trade_query", async (received) =>
      reply(context, received, await answerQuery(context, received)),
    ),
  );
  stack.use(
    context.exchange.handle("trade", "trade_reconcile", async (received) => {
      const asked = received.body as unknown as TradeReconcile;
      return answered(context, received, await answerReconcile(context, hereOf(received), asked));
    }),
  );
  stack.use(
    context.exchange.handle("trade", "trade_orders", async (received) => {
      const asked = received.body as unknown as TradeOrders;
      return answered(context, received, await answerOrders(context, hereOf(received), asked));
    }),
  );
  return stack;
}

/** Sends documents, perhaps with others, books what is answered, and says in turn what that calls for. */
export async function converse(
  context: DeskContext,
  party: Party,
  documents: readonly TradeDocument[],
): Promise<void> {
  const { agentId, counterparty, peerId } = party;
  await context.outbox.send(`${agentId} ${counterparty} ${peerId}`, documents, (together) =>
    settleAnswer(context, party, {
      type: "trade_send",
      recipient_id: counterparty,
      documents: together,
    }),
  );
}

/** Asks for the last documents of these orders and books them. */
export async function query(context: DeskContext, party: Party, orderIds: readonly string[]): Promise<void> {
  await settleAnswer(context, party, {
    type: "trade_query",
    recipient_id: party.counterparty,
    orderIds: orderIds.slice(0, MAX_QUERY_ORDERS),
  });
}

async function settleAnswer(context: DeskContext, party: Party, draft: Draft): Promise<void> {
  const { signer } = hostedOf(context, party.agentId);
  if (party.peerId === context.peerId) return settleAtHome(context, party, draft);
  const received = await context.exchange.request(party.peerId, "trade", draft, {
    signer,
    timeoutMs: ANSWER_WITHIN_MS,
  });
  const answers = await receiveDocuments(context, senderOf(received), documentsIn(received));
  if (answers.length === 0) return;
  const further = { type: "trade_send", recipient_id: party.counterparty, documents: answers };
  await context.exchange.tell(party.peerId, "trade", further, { signer, timeoutMs: ANSWER_WITHIN_MS });
}

/** Both agents live on this node: the same documents and records, without a stream. */
async function settleAtHome(context: DeskContext, party: Party, draft: Draft): Promise<void> {
  const { agentId, counterparty, peerId } = party;
  const there: Sender = { signerId: agentId, recipientId: counterparty, peerId, nonce: undefined };
  const here: Sender = { signerId: counterparty, recipientId: agentId, peerId, nonce: undefined };
  const book = context.state.books.get(counterparty);
  let documents =
    draft.type === "trade_query"
      ? await lastDocuments(context, book, { asker: agentId, orderIds: draft["orderIds"] as string[] })
      : await receiveDocuments(context, there, draft["documents"] as TradeDocument[]);
  for (let to = here; documents.length > 0; to = to === here ? there : here) {
    documents = await receiveDocuments(context, to, documents);
  }
}

async function answerQuery(context: DeskContext, received: Received): Promise<readonly TradeDocument[]> {
  const { signerId, recipientId } = senderOf(received);
  const { orderIds } = received.message as unknown as TradeQuery;
  const book = context.state.books.get(recipientId);
  return lastDocuments(context, book, { asker: signerId, orderIds });
}

/** @throws ORDER_NOT_FOUND (none is known), ORDER_STATE (nothing to say of them yet). */
async function lastDocuments(
  context: DeskContext,
  book: Book | undefined,
  asked: { readonly asker: string; readonly orderIds: readonly string[] },
): Promise<readonly TradeDocument[]> {
  const found: TradeDocument[] = [];
  let known = 0;
  for (const orderId of asked.orderIds) {
    const half = book === undefined ? undefined : orderWith(book, asked.asker, orderId);
    if (half === undefined) continue;
    known += 1;
    const document = lastOwnDocument(half);
    if (document === undefined || found.length === MAX_ANSWERS) continue;
    await context.durable(half.lastSeq);
    found.push(document);
  }
  if (known === 0) throw new ProtocolError("ORDER_NOT_FOUND", `none of ${asked.orderIds.length} orders`);
  if (found.length === 0) throw new ProtocolError("ORDER_STATE", "nothing to say of these orders yet");
  return found;
}

/** What this side said last, and would say again. */
function lastOwnDocument(half: OrderHalf): TradeDocument | undefined {
  const { trade_annulment, trade_cancel, trade_delivery, trade_dispute, trade_payment, trade_receipt } =
    half.documents;
  if (half.role === "seller") return trade_receipt ?? trade_delivery ?? trade_annulment;
  return trade_payment ?? trade_dispute ?? trade_cancel;
}

function reply(context: DeskContext, received: Received, documents: readonly TradeDocument[]) {
  return answered(context, received, { type: "trade_send", recipient_id: received.signerId, documents });
}

function answered(context: DeskContext, received: Received, draft: Draft) {
  return { draft, signer: hostedOf(context, senderOf(received).recipientId).signer };
}

/** The pair of a question that came, from this side. */
function hereOf(received: Received): Party {
  const { signerId, recipientId, peerId } = senderOf(received);
  return { agentId: recipientId, counterparty: signerId, peerId };
}

function senderOf(received: Received): Sender {
  const { message, signerId, from } = received;
  const { nonce, timestamp, recipient_id: recipientId } = message;
  const recorded: RecordedNonce | undefined =
    typeof nonce === "string" && typeof timestamp === "number"
      ? { signer: signerId, nonce, timestamp }
      : undefined;
  return { signerId, recipientId: String(recipientId), peerId: from.peerId, nonce: recorded };
}

/** The nonce of an effect is in its record: a crash between the two cannot open a door. */
function checkUnspent(context: DeskContext, { signerId, nonce }: Sender): void {
  if (nonce !== undefined && context.spentNonces.has(`${signerId} ${nonce.nonce}`)) {
    throw new ProtocolError("MESSAGE_REPLAYED", `a message of ${signerId} from before the restart`);
  }
}

/** The ladder has checked the body against its schema already. */
function documentsIn(received: Received): readonly TradeDocument[] {
  if (received.type !== "trade_send") throw new ProtocolError("TYPE_UNKNOWN", received.type);
  return (received.message as unknown as TradeSend).documents;
}
