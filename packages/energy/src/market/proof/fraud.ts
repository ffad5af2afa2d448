/** Proofs that somebody broke the auction's rules: whoever holds one convicts alone, with the signatures in it. */

import {
  canonicalize,
  type InclusionProof,
  isIncluded,
  isProtocolError,
  type JsonObject,
  ProtocolError,
} from "@gridmesh/protocol";
import { checkMarketOrder, type MarketRules, rulesHashOf } from "../rules.ts";
import { type AbsenceProof, isAbsent } from "./absence.ts";
import { voteContext } from "./ballot-checks.ts";
import { checkBallots, type SignedBallot } from "./ballot-fraud.ts";
import { isRevealOf } from "./commitment.ts";
import {
  type AuctionDocument,
  type AuctionDocumentType,
  auctionSigner,
  type ClearingResult,
  commitmentLeaf,
  documentHash,
  type GateClose,
  type OrderReceipt,
  type OrderReveal,
  orderRootOf,
  type ResultContent,
  resultOf,
  revealLeaf,
  type VerifyAuction,
} from "./documents.ts";
import { rankSupervisors } from "./rank.ts";

export type FraudProof =
  | {
      /** A receipt was given, and the gate or the result leaves the order out. */
      readonly kind: "omitted";
      readonly commitment: string;
      /** One of the signer, or one of each deputy. */
      readonly receipts: readonly OrderReceipt[];
      readonly gate?: { readonly statement: GateClose; readonly absence: AbsenceProof<string> };
      readonly result?: { readonly statement: ClearingResult; readonly absence: AbsenceProof<OrderReveal> };
    }
  | {
      /** An order in the result that may not be there. */
      readonly kind: "foreign";
      readonly result: ClearingResult;
      readonly reveal: OrderReveal;
      readonly inclusion: InclusionProof;
    }
  | {
      /** An order in the result that is not in the gate of its own term. */
      readonly kind: "late";
      readonly result: ClearingResult;
      readonly reveal: OrderReveal;
      readonly inclusion: InclusionProof;
      readonly gate: GateClose;
      readonly absence: AbsenceProof<string>;
    }
  | {
      /** The result's own orders clear otherwise. */
      readonly kind: "wrong_result";
      readonly result: ClearingResult;
      readonly reveals: readonly OrderReveal[];
    }
  | {
      /** Two contents where one is allowed. */
      readonly kind: "equivocation";
      readonly type: AuctionDocumentType;
      readonly documents: readonly [AuctionDocument, AuctionDocument];
    }
  | {
      /** A statement by somebody whose turn it was not. */
      readonly kind: "wrong_supervisor";
      readonly type: "gate_close" | "clearing_result";
      readonly statement: GateClose | ClearingResult;
    }
  | {
      /** Ballots that no honest agent signs together. */
      readonly kind: "broken_vote";
      readonly ballots: readonly SignedBallot[];
    };

export interface FraudContext {
  readonly network: string;
  /** Of the slot's area; what was signed under other rules is not judged by these. */
  readonly rules: MarketRules;
  readonly verify: VerifyAuction;
  /** Who votes on the slot; absent: everybody on the rules' roll. */
  readonly roll?: readonly string[];
}

export interface Conviction {
  readonly kind: FraudProof["kind"];
  /** agent_id of the one who signed what cannot be. */
  readonly convicted: string;
  readonly slotId: string;
}

/**
 * Convicts, or says why the proof proves nothing. The shapes are the messages' concern.
 * @throws VERIFICATION_FAILED, SIGNATURE_INVALID.
 */
export function checkFraudProof(proof: FraudProof, context: FraudContext): Conviction {
  if (!Object.hasOwn(checks, proof.kind)) fail("no such kind");
  const check = checks[proof.kind] as (proof: FraudProof, context: FraudContext) => Conviction;
  return check(proof, context);
}

type Of<Kind extends FraudProof["kind"]> = Extract<FraudProof, { kind: Kind }>;

function fail(why: string): never {
  throw new ProtocolError("VERIFICATION_FAILED", `the proof proves nothing: ${why}`);
}

function need(condition: boolean, why: string): asserts condition {
  if (!condition) fail(why);
}

function checkSigned(type: AuctionDocumentType, document: AuctionDocument, { verify }: FraudContext): void {
  if (!verify(type, document as unknown as JsonObject))
    throw new ProtocolError("SIGNATURE_INVALID", `${type} of ${signerOf(type, document)}`);
}

function signerOf(type: AuctionDocumentType, document: AuctionDocument): string {
  const signer = (document as unknown as JsonObject)[auctionSigner[type]];
  return typeof signer === "string" ? signer : fail("a document names no signer");
}

/** Signed, and under the rules at hand. */
function checkStatement(
  type: "gate_close" | "clearing_result",
  statement: GateClose | ClearingResult,
  context: FraudContext,
): Omit<Conviction, "kind"> {
  checkSigned(type, statement, context);
  need(statement.rulesHash === rulesHashOf(context.rules), "the statement stands on other rules");
  return { convicted: statement.supervisor, slotId: statement.slotId };
}

function checkOmitted(proof: Of<"omitted">, context: FraudContext): Conviction {
  const { gate, result, commitment } = proof;
  need((gate === undefined) !== (result === undefined), "it needs the gate or the result");
  const statement = gate?.statement ?? result?.statement;
  need(statement !== undefined, "it needs a statement");
  const guilty = checkStatement(gate === undefined ? "clearing_result" : "gate_close", statement, context);
  const wanted = gate === undefined ? "reveal" : "commit";
  for (const receipt of proof.receipts) {
    checkSigned("order_receipt", receipt, context);
    need(receipt.of === wanted && receipt.slotId === guilty.slotId, "a receipt is of something else");
    need(receipt.commitments.includes(commitment), "a receipt does not name the order");
  }
  const ranked = rankSupervisors(context.rules.supervisors, {
    network: context.network,
    slotId: guilty.slotId,
  });
  const givers = new Set(proof.receipts.map(({ supervisor }) => supervisor));
  const deputies = ranked.slice(1, 3);
  const byDeputies = deputies.length === 2 && deputies.every((deputy) => givers.has(deputy));
  need(givers.has(guilty.convicted) || byDeputies, "no receipt of the signer, nor of both deputies");
  const isMissing =
    gate === undefined
      ? result !== undefined && isAbsent(commitment, result.absence, treeOfResult(result.statement))
      : isAbsent(commitment, gate.absence, treeOfGate(gate.statement));
  need(isMissing, "the order is not shown to be missing");
  return { kind: proof.kind, ...guilty };
}

function treeOfGate({ commitRoot, count }: GateClose) {
  return { root: commitRoot, size: count, form: commitmentLeaf };
}

function treeOfResult({ orderRoot, count }: ClearingResult) {
  return { root: orderRoot, size: count, form: revealLeaf };
}

function checkIncluded({ result, reveal, inclusion }: Of<"foreign"> | Of<"late">): void {
  const bytes = revealLeaf.bytesOf(reveal);
  const tree = treeOfResult(result);
  need(bytes !== undefined && isIncluded(bytes, inclusion, tree), "the order is not in the result");
}

function checkForeign(proof: Of<"foreign">, context: FraudContext): Conviction {
  const guilty = checkStatement("clearing_result", proof.result, context);
  checkIncluded(proof);
  need(!isOwnOrder(proof.reveal, guilty.slotId, context), "the order has its place in the result");
  return { kind: proof.kind, ...guilty };
}

/** Signed by its agent, committed under its id, within the rules. */
export function isOwnOrder(reveal: OrderReveal, slotId: string, { rules, verify }: FraudContext): boolean {
  try {
    if (!verify("order_reveal", reveal as unknown as JsonObject) || !isRevealOf(reveal)) return false;
    if (reveal.agentId !== reveal.order.agentId || reveal.slotId !== slotId) return false;
    checkMarketOrder(reveal.order, { rules, slotId });
    return true;
  } catch (error) {
    if (isProtocolError(error)) return false;
    throw error;
  }
}

function checkLate(proof: Of<"late">, context: FraudContext): Conviction {
  const guilty = checkStatement("clearing_result", proof.result, context);
  checkStatement("gate_close", proof.gate, context);
  const { gate, result } = proof;
  need(gate.slotId === result.slotId && gate.term === result.term, "gate and result are of two terms");
  need(gate.supervisor === result.supervisor, "gate and result are of two supervisors");
  checkIncluded(proof);
  need(
    isAbsent(proof.reveal.orderId, proof.absence, treeOfGate(gate)),
    "the gate is not shown to lack the order",
  );
  return { kind: proof.kind, ...guilty };
}

function checkWrongResult(proof: Of<"wrong_result">, context: FraudContext): Conviction {
  const guilty = checkStatement("clearing_result", proof.result, context);
  const { result, reveals } = proof;
  need(orderRootOf(reveals) === result.orderRoot, "these are not the orders of the result");
  const content = recomputed(reveals, { rules: context.rules, slotId: result.slotId });
  need(
    content === undefined || canonicalize(content) !== canonicalize(saidBy(result)),
    "the result is right",
  );
  return { kind: proof.kind, ...guilty };
}

/** Undefined for a book that no honest result could stand on. */
function recomputed(
  reveals: readonly OrderReveal[],
  of: { readonly rules: MarketRules; readonly slotId: string },
): ResultContent | undefined {
  try {
    return resultOf(reveals, of).content;
  } catch (error) {
    if (isProtocolError(error)) return undefined;
    throw error;
  }
}

function saidBy(result: ClearingResult) {
  const { priceMicroPerKWh, loMicroPerKWh, hiMicroPerKWh, volumeMilliWh, welfareMicro } = result;
  const { count, orderRoot, tradesRoot } = result;
  const figures = { priceMicroPerKWh, loMicroPerKWh, hiMicroPerKWh, volumeMilliWh, welfareMicro };
  return { ...figures, count, orderRoot, tradesRoot };
}

function checkEquivocation(proof: Of<"equivocation">, context: FraudContext): Conviction {
  const { type, documents } = proof;
  const [one, other] = documents;
  for (const document of documents) checkSigned(type, document, context);
  const convicted = signerOf(type, one);
  need(convicted === signerOf(type, other), "two signers");
  need(one.slotId === other.slotId, "two slots");
  need(documentHash(unsigned(one)) !== documentHash(unsigned(other)), "the same content twice");
  need(placeOf(type, one) === placeOf(type, other), "two places where both may stand");
  return { kind: proof.kind, convicted, slotId: one.slotId };
}

/** The same words signed twice are no lie, whatever the signatures' bytes. */
function unsigned(document: AuctionDocument): AuctionDocument {
  return { ...document, signature: "" };
}

/** What stands once: a statement per term, a reveal per order. Receipts may grow; ballots are judged as such. */
function placeOf(type: AuctionDocumentType, document: AuctionDocument): string {
  if (type === "gate_close" || type === "clearing_result")
    return String((document as GateClose | ClearingResult).term);
  if (type === "order_reveal") return (document as OrderReveal).orderId;
  return fail("two of these may differ");
}

function checkWrongSupervisor(proof: Of<"wrong_supervisor">, context: FraudContext): Conviction {
  const { statement, type } = proof;
  const guilty = checkStatement(type, statement, context);
  const ranked = rankSupervisors(context.rules.supervisors, {
    network: context.network,
    slotId: guilty.slotId,
  });
  need(ranked[statement.term - 1] !== guilty.convicted, "it was the signer's term");
  return { kind: proof.kind, ...guilty };
}

function checkBrokenVote({ kind, ballots }: Of<"broken_vote">, context: FraudContext): Conviction {
  const slotId = ballots[0]?.document.slotId;
  need(slotId !== undefined, "it needs a ballot");
  const roll = context.roll ?? context.rules.roll.map(({ agent_id }) => agent_id);
  const { network, verify } = context;
  const of = voteContext({ network, verify, roll, slotId, rulesHash: rulesHashOf(context.rules) });
  return { kind, convicted: checkBallots(ballots, of), slotId };
}

const checks: {
  readonly [Kind in FraudProof["kind"]]: (proof: Of<Kind>, context: FraudContext) => Conviction;
} = {
  omitted: checkOmitted,
  foreign: checkForeign,
  late: checkLate,
  wrong_result: checkWrongResult,
  equivocation: checkEquivocation,
  wrong_supervisor: checkWrongSupervisor,
  broken_vote: checkBrokenVote,
};
