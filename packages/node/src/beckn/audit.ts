/** The newest messages of each transaction, in memory: what `trade trace` tells. */

import type { BecknContext } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { TraceLine } from "./types.ts";

const MAX_TRANSACTIONS = 2_000;
const MAX_LINES = 256;

export interface Audit {
  note(transactionId: string, line: Omit<TraceLine, "atMs">): void;
  /** A message's own line: who said it to whom, and what became of it. */
  noteMessage(context: BecknContext, verdict: string): void;
  lines(transactionId: string): readonly TraceLine[];
}

export function createAudit(clock: Clock): Audit {
  const transactions = new Map<string, TraceLine[]>();

  const note = (transactionId: string, line: Omit<TraceLine, "atMs">) => {
    let lines = transactions.get(transactionId);
    if (!lines) {
      if (transactions.size >= MAX_TRANSACTIONS) {
        const oldest = transactions.keys().next();
        if (!oldest.done) transactions.delete(oldest.value);
      }
      lines = [];
      transactions.set(transactionId, lines);
    }
    if (lines.length < MAX_LINES) lines.push({ atMs: clock.nowMs(), ...line });
  };

  return {
    note,
    noteMessage(context, verdict) {
      const bpp = context.bppUri ?? context.bppId ?? "*";
      const callback = context.action.startsWith("on_");
      const [from, to] = callback ? [bpp, context.bapUri] : [context.bapUri, bpp];
      note(context.transactionId, { action: context.action, from, to, verdict });
    },
    lines: (transactionId) => transactions.get(transactionId) ?? [],
  };
}
