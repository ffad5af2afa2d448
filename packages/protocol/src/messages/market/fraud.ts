/** Proofs that somebody broke the auction's rules, each with all that convicts. */

import * as z from "zod";
import { once } from "../../once.ts";
import { ballots, basics, MAX_MARKET_LIST, places, statements } from "./fields.ts";

function twice(type: string, document: z.ZodType) {
  return z.strictObject({
    kind: z.literal("equivocation"),
    type: z.literal(type),
    documents: z.array(document).length(2),
  });
}

function outOfTurn(type: string, statement: z.ZodType) {
  return z.strictObject({ kind: z.literal("wrong_supervisor"), type: z.literal(type), statement });
}

function signedBallot(type: string, document: z.ZodType) {
  return z.strictObject({ type: z.literal(type), document });
}

const brokenVote = once(() => {
  const { vote, lock, report, proposal } = ballots();
  const ballot = z.union([
    signedBallot("auction_vote", vote),
    signedBallot("auction_lock", lock),
    signedBallot("auction_report", report),
    signedBallot("auction_proposal", proposal),
  ]);
  return z.strictObject({ kind: z.literal("broken_vote"), ballots: z.array(ballot).min(1).max(2) });
});

const wrongOrders = once(() => {
  const { hash } = basics();
  const { gate, result, reveal, receipt } = statements();
  const { inclusion, absence } = places();
  const placed = { result, reveal, inclusion };
  return [
    z.strictObject({
      kind: z.literal("omitted"),
      commitment: hash,
      receipts: z.array(receipt).min(1).max(3),
      gate: z.strictObject({ statement: gate, absence: absence(hash) }).optional(),
      result: z.strictObject({ statement: result, absence: absence(reveal) }).optional(),
    }),
    z.strictObject({ kind: z.literal("foreign"), ...placed }),
    z.strictObject({ kind: z.literal("late"), ...placed, gate, absence: absence(hash) }),
    z.strictObject({
      kind: z.literal("wrong_result"),
      result,
      reveals: z.array(reveal).max(MAX_MARKET_LIST),
    }),
  ] as const;
});

export const fraudProof = once(() => {
  const { gate, result, reveal } = statements();
  return z.union([
    ...wrongOrders(),
    twice("order_reveal", reveal),
    twice("gate_close", gate),
    twice("clearing_result", result),
    outOfTurn("gate_close", gate),
    outOfTurn("clearing_result", result),
    brokenVote(),
  ]);
});
