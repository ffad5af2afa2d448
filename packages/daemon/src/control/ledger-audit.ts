/** The audit of a node's own ledger: its books against each other, and its journal on the disk against its books. */

import { auditBooks } from "@gridmesh/energy";
import type { TradeDesk } from "@gridmesh/node";
import type { AuditView } from "./types.ts";

/** Under `a`, of what is wrong in the journal: file and place are in the sentence. */
const JOURNAL = "journal";
/** Of what a counterparty's ledger has otherwise; the sentence names both and the order. */
const COUNTERPARTY = "counterparty";

/** What only another node's book can tell is counted as unpaired. */
export async function auditLedger(desk: TradeDesk): Promise<AuditView> {
  const journal = await desk.audit();
  const result = auditBooks([...desk.books()]);
  const differences = [
    ...journal.differences.map((what) => ({ a: JOURNAL, b: "", transactionId: "", what })),
    ...desk.disagreements().map((what) => ({ a: COUNTERPARTY, b: "", transactionId: "", what })),
    ...result.differences,
  ];
  return {
    agree: differences.length === 0,
    audited: result.audited,
    pairs: result.pairs,
    entries: result.entries,
    unpaired: result.unpaired,
    conservationErrorMilliWh: result.conservationErrorMilliWh,
    conservationErrorMicro: result.conservationErrorMicro,
    differences,
  };
}
