/** Step 5 of a trade: energy in and money out are one record, and its payment is signed in it. */

import {
  amountMicro,
  mulDiv,
  parseSlotId,
  type RecordedNonce,
  signDocument,
  type TradeDocument,
  type TradePayment,
} from "@gridmesh/protocol";
import { type DeskContext, hostedOf, isState } from "./context.ts";
import { documentBase } from "./halves.ts";
import type { OrderHalf } from "./state.ts";

/** The seller says by itself that it was paid; only then the buyer asks. */
const RECEIPT_DUE_MS = 1_000;

/** Buyer: pays for so much of an order and answers the payment; `documents` are kept beside it. */
export async function payFor(
  context: DeskContext,
  half: OrderHalf,
  what: {
    readonly finalMilliWh: number;
    readonly documents: readonly TradeDocument[];
    readonly nonce: RecordedNonce | undefined;
  },
): Promise<TradePayment> {
  const { terms, key, heldMicro } = half;
  const { finalMilliWh, documents, nonce } = what;
  const wasInDoubt = isState(half, "HELD");
  const amount = amountMicro(finalMilliWh, terms.priceMicroPerKWh);
  const feesMicro = mulDiv(terms.buyerFeesMicro, finalMilliWh, terms.quantityMilliWh);
  const payment = signDocument(
    {
      type: "trade_payment",
      ...documentBase(context, half),
      slots: [{ slotId: terms.slotId, finalMilliWh }],
      amountMicro: amount,
      buyerFeesMicro: feesMicro,
    },
    { type: "trade_payment", network: context.network, signer: hostedOf(context, terms.buyer).signer },
  ) as TradePayment;
  await context.commit({
    kind: "receive",
    agent: terms.buyer,
    key,
    seller: terms.seller,
    area: parseSlotId(terms.slotId).area,
    finalMilliWh,
    amountMicro: amount,
    feesMicro,
    heldMicro,
    documents: [...documents, payment],
    ...(nonce === undefined ? {} : { nonce }),
  });
  if (wasInDoubt) context.emit("committed", half);
  context.emit("received", half);
  context.pursue(half, RECEIPT_DUE_MS);
  return payment;
}
