/** Statements: once a day both sides of a pair sign what was settled between them, each by its own book. */

import {
  ProtocolError,
  type RecordedNonce,
  type RecordOf,
  signDocument,
  type TradeDocument,
  type TradeStatement,
} from "@gridmesh/protocol";
import { bookOf, type DeskContext, hostedOf, type Party } from "./context.ts";
import { mirrored, type Period, sameTotals, settledWith, summed } from "./dealings.ts";

const VERSION = "1.1";
/** A day's statement waits an hour, so that no clock of either side is still in that day. */
const WAITS_SHARE = 24;

/**
 * Takes the other side's statement when the own book says the same; a proposal is answered with the own one.
 * @throws LEDGER_MISMATCH, ORDER_STATE (too early, or stated before), COUNTERPARTY_WRONG.
 */
export async function onStatementOfAll(
  context: DeskContext,
  statement: TradeStatement,
  from: { readonly peerId: string; readonly nonce: RecordedNonce | undefined },
): Promise<TradeDocument | undefined> {
  const { agent: counterparty, counterparty: agentId, fromMs, toMs } = statement;
  const party: Party = { agentId, counterparty, peerId: from.peerId };
  const isAnswer = agentId < counterparty;
  const book = context.state.books.get(agentId);
  const partner = book?.partners.get(counterparty);
  if (book === undefined || partner === undefined) {
    throw new ProtocolError("COUNTERPARTY_WRONG", `no order between ${agentId} and ${counterparty}`);
  }
  const known = partner.statements.find((record) => record.fromMs === fromMs && record.toMs === toMs);
  checkSame(context, { party, statement });
  if (known !== undefined) {
    await context.durable(known.seq);
    return isAnswer ? undefined : known.documents?.[0];
  }
  checkPeriod(context, party, statement);
  const own = context.proposed.get(proposalKey(party, statement)) ?? signStatement(context, party, statement);
  await context.commit({
    kind: "statement",
    agent: agentId,
    counterparty,
    fromMs,
    toMs,
    documents: [own, statement],
    ...(from.nonce === undefined ? {} : { nonce: from.nonce }),
  });
  return isAnswer ? undefined : own;
}

/** One a day at most, so that nobody can fill the journal with them. @throws ORDER_STATE. */
function checkPeriod(context: DeskContext, party: Party, { fromMs, toMs }: Period): void {
  const before = lastStatement(context, party)?.toMs ?? 0;
  const isNext = fromMs <= before && toMs > before;
  if (isNext && toMs % context.statementMs === 0 && toMs <= dueAtMs(context)) return;
  throw new ProtocolError("ORDER_STATE", `no statement is due for ${fromMs} … ${toMs}`);
}

/** @throws LEDGER_MISMATCH. */
function checkSame(
  context: DeskContext,
  { party, statement }: { readonly party: Party; readonly statement: TradeStatement },
): void {
  const { totals, root } = summed(settledWith(bookOf(context, party.agentId), party.counterparty, statement));
  if (root === statement.root && sameTotals(totals, mirrored(statement.totals))) return;
  const what = `${totals.orders} orders here, ${statement.totals.orders} there`;
  throw new ProtocolError("LEDGER_MISMATCH", `${statement.fromMs} … ${statement.toMs}: ${what}`);
}

export function signStatement(
  context: DeskContext,
  { agentId, counterparty }: Party,
  period: Period,
): TradeStatement {
  const { fromMs, toMs } = period;
  const { totals, root } = summed(settledWith(bookOf(context, agentId), counterparty, period));
  const { signer } = hostedOf(context, agentId);
  return signDocument(
    {
      type: "trade_statement",
      version: VERSION,
      agent: agentId,
      counterparty,
      fromMs,
      toMs,
      totals: { ...totals },
      root,
      signedAtMs: context.clock.nowMs(),
    },
    { type: "trade_statement", network: context.network, signer },
  ) as TradeStatement;
}

/** The last end of a day that is an hour ago. */
export function dueAtMs({ clock, statementMs }: DeskContext): number {
  return Math.floor((clock.nowMs() - statementMs / WAITS_SHARE) / statementMs) * statementMs;
}

export function lastStatement(
  context: DeskContext,
  { agentId, counterparty }: Party,
): RecordOf<"statement"> | undefined {
  return context.state.books.get(agentId)?.partners.get(counterparty)?.statements.at(-1);
}

export function proposalKey({ agentId, counterparty }: Party, { fromMs, toMs }: Period): string {
  return `${agentId} ${counterparty} ${fromMs} ${toMs}`;
}
