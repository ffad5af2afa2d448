/** What a trader makes of an auction it has watched: every proof that its evidence allows. */

import { canonicalBytes, canonicalize, isProtocolError, proveInclusion } from "@gridmesh/protocol";
import { proveAbsence } from "./absence.ts";
import {
  type ClearingResult,
  closeGate,
  commitmentLeaf,
  type GateClose,
  type OrderReceipt,
  orderRootOf,
  type OrderReveal,
  revealLeaf,
} from "./documents.ts";
import { checkFraudProof, type FraudContext, type FraudProof, isOwnOrder } from "./fraud.ts";

/** What was seen of one slot. */
export interface AuctionView {
  readonly gates: readonly GateClose[];
  readonly results: readonly ClearingResult[];
  /** The list that a gate stands on. */
  readonly commitments: readonly string[];
  /** The list that a result stands on. */
  readonly reveals: readonly OrderReveal[];
  readonly receipts: readonly OrderReceipt[];
}

/** Proofs that convict; none when all was right or nothing can be shown. */
export function findFraud(view: AuctionView, context: FraudContext): FraudProof[] {
  const proofs = [
    ...outOfTurn(view),
    ...twice("gate_close", view.gates),
    ...twice("clearing_result", view.results),
    ...view.gates.flatMap((gate) => omittedFromGate(gate, view)),
    ...view.results.flatMap((result) => wrongOrders(result, view, context)),
  ];
  return proofs.filter((proof) => convicts(proof, context));
}

function convicts(proof: FraudProof, context: FraudContext): boolean {
  try {
    checkFraudProof(proof, context);
    return true;
  } catch (error) {
    if (isProtocolError(error)) return false;
    throw error;
  }
}

function outOfTurn({ gates, results }: AuctionView): FraudProof[] {
  const kind = "wrong_supervisor";
  return [
    ...gates.map((statement): FraudProof => ({ kind, type: "gate_close", statement })),
    ...results.map((statement): FraudProof => ({ kind, type: "clearing_result", statement })),
  ];
}

function twice(
  type: "gate_close" | "clearing_result",
  statements: readonly (GateClose | ClearingResult)[],
): FraudProof[] {
  return statements.flatMap((one, place) =>
    statements
      .slice(place + 1)
      .filter((other) => canonicalize(other) !== canonicalize(one))
      .map((other): FraudProof => ({ kind: "equivocation", type, documents: [one, other] })),
  );
}

/** Receipts by what they name: one of the signer or those of both deputies, which the check tells apart. */
function receiptsOf(receipts: readonly OrderReceipt[], of: "commit" | "reveal"): Map<string, OrderReceipt[]> {
  const byCommitment = new Map<string, OrderReceipt[]>();
  for (const receipt of receipts) {
    if (receipt.of !== of) continue;
    for (const commitment of receipt.commitments)
      byCommitment.set(commitment, [...(byCommitment.get(commitment) ?? []), receipt]);
  }
  return byCommitment;
}

function omittedFromGate(statement: GateClose, { commitments, receipts }: AuctionView): FraudProof[] {
  const closed = closeGate(commitments);
  if (closed.commitRoot !== statement.commitRoot) return [];
  return [...receiptsOf(receipts, "commit")].flatMap(([commitment, given]): FraudProof[] => {
    const absence = proveAbsence(closed.commitments, commitmentLeaf, commitment);
    if (absence === undefined) return [];
    return [{ kind: "omitted", commitment, receipts: given, gate: { statement, absence } }];
  });
}

function wrongOrders(result: ClearingResult, view: AuctionView, context: FraudContext): FraudProof[] {
  const { reveals } = view;
  if (orderRootOf(reveals) !== result.orderRoot) return [];
  const leaves = reveals.map((reveal) => canonicalBytes(reveal));
  const omitted = [...receiptsOf(view.receipts, "reveal")].flatMap(([commitment, receipts]): FraudProof[] => {
    const absence = proveAbsence(reveals, revealLeaf, commitment);
    if (absence === undefined) return [];
    return [{ kind: "omitted", commitment, receipts, result: { statement: result, absence } }];
  });
  const gate = view.gates.find(({ term }) => term === result.term);
  const closed = closeGate(view.commitments);
  const isGateKnown = gate !== undefined && gate.commitRoot === closed.commitRoot;
  const orders = reveals.flatMap((reveal, place): FraudProof[] => {
    const inclusion = proveInclusion(leaves, place);
    const found: FraudProof[] = isOwnOrder(reveal, result.slotId, context)
      ? []
      : [{ kind: "foreign", result, reveal, inclusion }];
    const absence = proveAbsence(closed.commitments, commitmentLeaf, reveal.orderId);
    if (isGateKnown && absence !== undefined)
      found.push({ kind: "late", result, reveal, inclusion, gate, absence });
    return found;
  });
  return [...omitted, ...orders, { kind: "wrong_result", result, reveals }];
}
