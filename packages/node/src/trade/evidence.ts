/** Proof that somebody said two things under one id. */

import type { DeskContext } from "./context.ts";
import type { OrderHalf } from "./state.ts";
import type { SignedBytes } from "./types.ts";

const MAX_EVIDENCE = 4;

/** Both contents are kept; of whoever sends more and more, a few are proof enough. */
export async function keepEvidence(
  context: DeskContext,
  half: OrderHalf,
  evidence: { readonly what: string; readonly bytes: SignedBytes },
): Promise<void> {
  if (half.evidence >= MAX_EVIDENCE) return;
  context.log.warn("trade.equivocation", `two contents for ${half.key}`, { what: evidence.what });
  await context.commit({ kind: "evidence", agent: half.agentId, key: half.key, ...evidence });
}
