/** Whether both books of a pair agree: how they stand, which orders are open, which were settled. */

import {
  canonicalize,
  MAX_LISTED_ORDERS,
  ProtocolError,
  type TradeOrders,
  type TradeReconcile,
} from "@gridmesh/protocol";
import type { Draft, Received } from "../signed-exchange.ts";
import { type DeskContext, hostedOf, type Party } from "./context.ts";
import {
  listed,
  type ListedOrder,
  mirrored,
  openWith,
  type Period,
  sameTotals,
  settledWith,
  standingWith,
} from "./dealings.ts";
import { agree, disagree, firstDifference, orderWith } from "./differences.ts";
import type { Book } from "./state.ts";

const ANSWER_WITHIN_MS = 5_000;
/** Orders asked about at once: the answer holds as many again that only the other side knows. */
const ASKED_AT_ONCE = 96;
const ALWAYS: Period = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

/** Compares both books; what is open on either side is taken up, and a difference of what ended is named. */
export async function compareBooks(context: DeskContext, party: Party): Promise<void> {
  const { agentId, counterparty } = party;
  const book = context.state.books.get(agentId);
  if (book === undefined) return;
  const mine = standingWith(book, counterparty);
  const received = await ask(context, party, { type: "trade_reconcile", ...mine });
  const theirs = received.body as unknown as TradeReconcile;
  // What moved meanwhile was compared with nothing.
  if (canonicalize(standingWith(book, counterparty)) !== canonicalize(mine)) return;
  if (theirs.openHash !== mine.openHash) return compareOpen(context, party, book);
  if (mine.openCount > 0) return;
  if (sameTotals(theirs.totals, mirrored(mine.totals))) agree(context, party);
  else await compareSettled(context, party, ALWAYS);
}

/** Asks what the other side has of each open order, and says once more what is due of it. */
async function compareOpen(context: DeskContext, party: Party, book: Book): Promise<void> {
  const open = openWith(book, party.counterparty);
  for (let at = 0; at < open.length; at += ASKED_AT_ONCE) {
    const asked = open.slice(at, at + ASKED_AT_ONCE);
    const states = new Map(asked.map((half) => [half, half.state]));
    const theirs = await askOrders(context, party, { orders: asked.map(listed) });
    const known = new Map(theirs.map((order) => [order.orderId, order]));
    for (const half of asked) {
      const other = known.get(half.terms.orderId);
      const { orderId } = half.terms;
      // An order may not have come yet; a later step of it can only be of one that did.
      const isLost = other === undefined && states.get(half) !== "HELD";
      if (isLost) disagree(context, party, { orderId, what: `${half.state} here and unknown there` });
      if (other !== undefined && other.orderHash !== half.orderHash) {
        disagree(context, party, { orderId, what: "of other content here than there" });
      }
      if (book.open.has(half)) context.pursue(half);
    }
  }
}

/** Finds and names the first order, by id, that was settled otherwise on the other side. */
export async function compareSettled(context: DeskContext, party: Party, period: Period): Promise<void> {
  const { agentId, counterparty } = party;
  const book = context.state.books.get(agentId);
  let after: string | undefined = "";
  while (book !== undefined && after !== undefined) {
    const from: string = after;
    const rest = settledWith(book, counterparty, period).filter(({ terms }) => terms.orderId > from);
    const mine = rest.slice(0, ASKED_AT_ONCE).map(listed);
    after = rest.length > ASKED_AT_ONCE ? mine.at(-1)?.orderId : undefined;
    const ended = { ...period, after: from, upTo: after ?? null };
    const theirs = await askOrders(context, party, { orders: mine, ended });
    const difference = firstDifference({ mine, theirs }, { book, other: counterparty });
    if (difference === "later") return;
    if (difference !== undefined) return disagree(context, party, difference);
  }
}

/** Answers how this side stands, and takes up by itself what is open here. */
export async function answerReconcile(
  context: DeskContext,
  here: Party,
  asked: TradeReconcile,
): Promise<Draft> {
  const book = bookOfParty(context, here);
  const mine = standingWith(book, here.counterparty);
  if (mine.openHash !== asked.openHash) {
    for (const half of openWith(book, here.counterparty)) context.pursue(half);
  }
  await context.durable(context.state.lastSeq);
  return { type: "trade_reconcile", recipient_id: here.counterparty, ...mine };
}

/** Answers what this side has of these orders, and of all that were settled in the time that is asked about. */
export async function answerOrders(context: DeskContext, here: Party, asked: TradeOrders): Promise<Draft> {
  const { counterparty } = here;
  const book = bookOfParty(context, here);
  const known = asked.orders.flatMap(({ orderId }) => {
    const half = orderWith(book, counterparty, orderId);
    return half === undefined ? [] : [half];
  });
  const answered = new Map(known.map((half) => [half.terms.orderId, listed(half)]));
  if (asked.ended === undefined) {
    for (const half of known) if (book.open.has(half)) context.pursue(half);
  } else {
    const mine = stretchOf(book, counterparty, asked.ended);
    const lists = { mine, theirs: asked.orders };
    const difference = firstDifference(lists, { book, other: counterparty });
    if (difference !== undefined && difference !== "later") disagree(context, here, difference);
    for (const order of mine) {
      if (answered.size < MAX_LISTED_ORDERS) answered.set(order.orderId, order);
    }
  }
  await context.durable(context.state.lastSeq);
  const orders = [...answered.values()].sort((a, b) => (a.orderId < b.orderId ? -1 : 1));
  return { type: "trade_orders", recipient_id: counterparty, orders };
}

function stretchOf(
  book: Book,
  counterparty: string,
  { after, upTo, ...period }: NonNullable<TradeOrders["ended"]>,
): readonly ListedOrder[] {
  // Nobody makes this node look through all its orders who has none with it.
  if (!book.partners.has(counterparty)) return [];
  return settledWith(book, counterparty, period)
    .filter(({ terms }) => terms.orderId > after && (upTo === null || terms.orderId <= upTo))
    .map(listed);
}

/** @throws COUNTERPARTY_WRONG. */
function bookOfParty(context: DeskContext, { agentId }: Party): Book {
  const book = context.state.books.get(agentId);
  if (book === undefined) throw new ProtocolError("COUNTERPARTY_WRONG", `${agentId} is not here`);
  return book;
}

async function askOrders(
  context: DeskContext,
  party: Party,
  asked: TradeOrders,
): Promise<readonly ListedOrder[]> {
  const received = await ask(context, party, { type: "trade_orders", ...asked });
  return (received.body as unknown as TradeOrders).orders;
}

/** What is said of a book is on the disk; the answer is the counterparty's own, of the same type. */
async function ask(
  context: DeskContext,
  { agentId, counterparty, peerId }: Party,
  question: { readonly type: string },
): Promise<Received> {
  const { signer } = hostedOf(context, agentId);
  await context.durable(context.state.lastSeq);
  const draft = { ...question, recipient_id: counterparty };
  const wait = { signer, timeoutMs: ANSWER_WITHIN_MS };
  const received = await context.exchange.request(peerId, "trade", draft, wait);
  if (received.type !== question.type) throw new ProtocolError("TYPE_UNKNOWN", received.type);
  if (received.signerId === counterparty) return received;
  throw new ProtocolError("COUNTERPARTY_WRONG", `${received.signerId} answers for ${counterparty}`);
}
