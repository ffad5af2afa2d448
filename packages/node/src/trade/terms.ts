/** An order's terms as the journal keeps them, and the checks that need nothing but the terms. */

import { createHash } from "node:crypto";
import {
  amountMicro,
  canonicalize,
  MAX_MICRO,
  MAX_MICRO_PER_KWH,
  MAX_MILLI_WH,
  parseSlotId,
  ProtocolError,
  type RecordedTerms,
  slotId,
} from "@gridmesh/protocol";
import type { OrderTerms, SignedBytes } from "./types.ts";

/** @throws AMOUNT_INVALID (not quantity × price), SLOT_INVALID, COUNTERPARTY_WRONG (trades with itself). */
export function checkTerms(terms: OrderTerms): RecordedTerms {
  const { slot, quantityMilliWh, priceMicroPerKWh } = terms;
  checkQuantityAndPrice(quantityMilliWh, priceMicroPerKWh);
  if (terms.amountMicro !== amountMicro(quantityMilliWh, priceMicroPerKWh) || terms.amountMicro > MAX_MICRO) {
    throw new ProtocolError(
      "AMOUNT_INVALID",
      `${terms.amountMicro} for ${quantityMilliWh} mWh at ${priceMicroPerKWh}`,
    );
  }
  if (!Number.isSafeInteger(terms.untilMs)) throw new ProtocolError("AMOUNT_INVALID", "untilMs");
  if (terms.buyer === terms.seller) throw new ProtocolError("COUNTERPARTY_WRONG", "buyer and seller are one");
  const slotText = slotId(slot);
  parseSlotId(slotText);
  return {
    orderId: terms.orderId,
    transactionId: terms.transactionId,
    offerId: terms.offerId,
    offerEpoch: terms.offerEpoch,
    buyer: terms.buyer,
    buyerPeerId: terms.buyerPeerId,
    seller: terms.seller,
    sellerPeerId: terms.sellerPeerId,
    slotId: slotText,
    quantityMilliWh,
    priceMicroPerKWh,
    amountMicro: terms.amountMicro,
    buyerFeesMicro: 0,
    sellerFeesMicro: 0,
    currency: terms.currency,
    untilMs: terms.untilMs,
    delivery: terms.delivery,
  };
}

/** @throws AMOUNT_INVALID. */
export function checkQuantityAndPrice(quantityMilliWh: number, priceMicroPerKWh: number): void {
  if (!Number.isSafeInteger(quantityMilliWh) || quantityMilliWh <= 0 || quantityMilliWh > MAX_MILLI_WH) {
    throw new ProtocolError("AMOUNT_INVALID", `quantity ${quantityMilliWh} mWh`);
  }
  if (
    !Number.isSafeInteger(priceMicroPerKWh) ||
    priceMicroPerKWh < 0 ||
    priceMicroPerKWh > MAX_MICRO_PER_KWH
  ) {
    throw new ProtocolError("AMOUNT_INVALID", `price ${priceMicroPerKWh} per kWh`);
  }
}

export function orderTermsOf(recorded: RecordedTerms): OrderTerms {
  const { slotId, buyerFeesMicro: _buyerFees, sellerFeesMicro: _sellerFees, ...terms } = recorded;
  return { ...terms, slot: parseSlotId(slotId) };
}

/** What both sides know an order by: the hash of its signed body. */
export function orderHashOf(order: SignedBytes): string {
  return sha256(order.body);
}

export function documentHash(document: unknown): string {
  return sha256(canonicalize(document));
}

/** Two documents say the same, to the byte. */
export function sameDocument(a: unknown, b: unknown): boolean {
  return canonicalize(a) === canonicalize(b);
}

function sha256(text: string): string {
  return `sha256:${createHash("sha256").update(text, "utf8").digest("hex")}`;
}
