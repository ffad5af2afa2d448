/** A signed auction, whole and right, whose parts can be made otherwise one at a time. */

import {
  isProtocolError,
  type JsonObject,
  signDocument,
  type Signer,
  verifyDocument,
  type VerifyEngine,
} from "@gridmesh/protocol";
import { revealOf } from "../market/proof/commitment.ts";
import {
  type AuctionDocumentType,
  auctionSigner,
  type ClearingResult,
  closeGate,
  type GateClose,
  type OrderReceipt,
  type OrderReveal,
  type ResultContent,
  resultOf,
} from "../market/proof/documents.ts";
import type { FraudContext } from "../market/proof/fraud.ts";
import { rankSupervisors } from "../market/proof/rank.ts";
import { type MarketOrder, type MarketRules, rulesHashOf } from "../market/rules.ts";

export interface AuctionKeys {
  readonly network: string;
  readonly slotId: string;
  readonly rules: MarketRules;
  readonly supervisors: readonly Signer[];
  readonly engine: VerifyEngine;
}

export interface StatementBy {
  /** Default 1. */
  readonly term?: number;
  /** Default the first in rank. */
  readonly signer?: Signer;
}

export interface Auction {
  readonly slotId: string;
  readonly rulesHash: string;
  /** By rank: the first has term 1. */
  readonly ranked: readonly Signer[];
  readonly context: FraudContext;
  /** Signs as `signer` under the type. */
  readonly sign: <Fields extends object>(
    type: AuctionDocumentType,
    fields: Fields,
    signer: Signer,
  ) => Fields & { readonly signature: string };
  readonly reveal: (trader: Signer, order: MarketOrder, salt?: number) => OrderReveal;
  /** Another order than the id stands for. */
  readonly revealUnder: (orderId: string, trader: Signer, order: MarketOrder) => OrderReveal;
  readonly gate: (commitments: readonly string[], by?: StatementBy) => GateClose;
  readonly result: (of: readonly OrderReveal[], by?: ResultBy) => ClearingResult;
  readonly receipt: (signer: Signer, of: OrderReceipt["of"], commitments: readonly string[]) => OrderReceipt;
}

export interface ResultBy extends StatementBy {
  readonly bend?: (content: ResultContent) => ResultContent;
}

const SALT_BYTES = 32;

function salted(salt: number): Uint8Array {
  return new Uint8Array(SALT_BYTES).fill(salt);
}

/** The makers of an auction's documents. @throws Error when a ranked supervisor has no key among them. */
export function createAuction({ network, slotId, rules, supervisors, engine }: AuctionKeys): Auction {
  const rulesHash = rulesHashOf(rules);
  const ranked = rankSupervisors(rules.supervisors, { network, slotId }).map((agentId) => {
    const found = supervisors.find((one) => one.agentId === agentId);
    if (found === undefined) throw new Error("a rank of nobody");
    return found;
  });
  const first = (): Signer => {
    const [signer] = ranked;
    if (signer === undefined) throw new Error("no supervisors");
    return signer;
  };
  const sign: Auction["sign"] = (type, fields, signer) => {
    const plain = fields as unknown as JsonObject;
    return signDocument(plain, { type, network, signer }) as unknown as typeof fields & { signature: string };
  };
  return {
    slotId,
    rulesHash,
    ranked,
    context: { network, rules, verify: verifier(network, engine) },
    sign,
    reveal(trader, order, salt = 1) {
      const shown = revealOf(order, salted(salt));
      return sign("order_reveal", { agentId: trader.agentId, slotId, ...shown }, trader);
    },
    revealUnder(orderId, trader, order) {
      const shown = revealOf(order, salted(2));
      return sign("order_reveal", { agentId: trader.agentId, slotId, ...shown, orderId }, trader);
    },
    gate(commitments, { term = 1, signer = first() } = {}) {
      const { commitRoot, count } = closeGate(commitments);
      const fields = { supervisor: signer.agentId, slotId, rulesHash, term, count, commitRoot };
      return sign("gate_close", fields, signer);
    },
    result(of, { term = 1, signer = first(), bend } = {}) {
      const right = resultOf(of, { rules, slotId }).content;
      const content = bend === undefined ? right : bend(right);
      const fields = { supervisor: signer.agentId, slotId, rulesHash, term, ...content };
      return sign("clearing_result", fields, signer);
    },
    receipt(signer, of, commitments) {
      return sign("order_receipt", { supervisor: signer.agentId, slotId, of, commitments }, signer);
    },
  };
}

function verifier(network: string, engine: VerifyEngine): FraudContext["verify"] {
  return (type, document) => {
    try {
      verifyDocument(document, { type, network, engine, signerField: auctionSigner[type] });
      return true;
    } catch (error) {
      if (isProtocolError(error)) return false;
      throw error;
    }
  };
}
