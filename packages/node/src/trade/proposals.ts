/** Proposing a statement, and looking for the order when the other side's book says something else. */

import { isProtocolError } from "@gridmesh/protocol";
import { compareSettled } from "./agreement.ts";
import { bookOf, type DeskContext, type Party } from "./context.ts";
import { converse } from "./conversation.ts";
import { settledWith } from "./dealings.ts";
import { dueAtMs, lastStatement, proposalKey, signStatement } from "./statements.ts";

/** The one with the lower id proposes; where the other finds something else, both look for the order. */
export async function proposeStatement(context: DeskContext, party: Party): Promise<void> {
  const { agentId, counterparty } = party;
  if (agentId > counterparty) return;
  const book = bookOf(context, agentId);
  const period = { fromMs: lastStatement(context, party)?.toMs ?? 0, toMs: dueAtMs(context) };
  if (period.toMs <= period.fromMs || settledWith(book, counterparty, period).length === 0) return;
  const statement = context.proposed.get(proposalKey(party, period)) ?? signStatement(context, party, period);
  context.proposed.set(proposalKey(party, period), statement);
  try {
    await converse(context, party, [statement]);
  } catch (error) {
    if (!isProtocolError(error) || error.code !== "LEDGER_MISMATCH") throw error;
    await compareSettled(context, party, period);
  } finally {
    context.proposed.delete(proposalKey(party, period));
  }
}
