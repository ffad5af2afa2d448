/** Beckn messages of every action, fixed and arbitrary. */

import * as fc from "fast-check";
import {
  amountMicro,
  type BecknContent,
  type BecknContext,
  type BecknMessage,
  type BecknOrder,
  becknActions,
} from "@gridmesh/protocol";
import { signerOf } from "./keys.ts";

export const buyer = signerOf(0).agentId;
export const seller = signerOf(64).agentId;
const PEER = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
const DAY_S = 86_400;

const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$/);
const currency = fc.constantFrom("USD", "EUR", "INR");
const instant = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000);
const quantity = fc.integer({ min: 1, max: 1_000_000_000_000 });
const price = fc.integer({ min: 0, max: 1_000_000_000 });
const slot = fc
  .tuple(name, fc.constantFrom(900, 1_800, 3_600, DAY_S), fc.nat({ max: 40_000 }))
  .map(([area, durationS, index]) => ({ area, durationS, startS: index * durationS }));

const context = (action: BecknContext["action"]): fc.Arbitrary<BecknContext> =>
  fc.record({ transactionId: fc.uuid(), messageId: fc.uuid(), timestampMs: instant }).map((drawn) => ({
    domain: "energy",
    action,
    version: "1.1.0",
    bapId: buyer,
    bapUri: `libp2p://${PEER}/household-agent-01/bap`,
    bppId: action === "search" ? undefined : seller,
    bppUri: action === "search" ? undefined : `libp2p://${PEER}/household-agent-02/bpp`,
    ttlMs: becknActions.get(action)?.ttlMs ?? 0,
    ...drawn,
  }));

const intent: fc.Arbitrary<BecknContent> = fc
  .option(fc.record({ slot, needMilliWh: quantity, maxPriceMicroPerKWh: price, currency }), {
    nil: undefined,
  })
  .map((intent) => ({ kind: "intent", intent }));

const catalog: fc.Arbitrary<BecknContent> = fc
  .record({
    sellerName: name,
    offers: fc.array(
      fc.record({
        offerId: fc.uuid(),
        offerEpoch: fc.uuid(),
        slot,
        availableMilliWh: quantity,
        priceMicroPerKWh: price,
        currency,
        untilMs: instant,
      }),
      { maxLength: 6 },
    ),
  })
  .map((catalog) => ({ kind: "catalog", catalog: { seller, ...catalog } }));

/** Bounded so that the amount keeps within 15 digits. */
const terms = fc.record({
  offerId: fc.uuid(),
  offerEpoch: fc.uuid(),
  slot,
  quantityMilliWh: fc.integer({ min: 1, max: 100_000_000_000 }),
  priceMicroPerKWh: price,
  currency,
  delivery: fc.constantFrom("slot" as const, "instant" as const),
  untilMs: instant,
});

const order: fc.Arbitrary<BecknContent> = fc
  .tuple(
    terms,
    fc.record(
      {
        sellerName: name,
        billingName: name,
        orderId: fc.uuid(),
        contractId: fc.uuid(),
        status: fc.constantFrom("ACTIVE" as const, "COMPLETE" as const, "CANCELLED" as const),
        state: fc.constantFrom("ORDER_CONFIRMED", "DELIVERED", "SETTLED"),
        finalMilliWh: fc.integer({ min: 0, max: 100_000_000_000 }),
      },
      { requiredKeys: [] },
    ),
    fc.record({
      quoted: fc.boolean(),
      paid: fc.option(fc.boolean(), { nil: undefined }),
      feeMicro: fc.nat(),
    }),
  )
  .map(([terms, rest, extra]) => ({ kind: "order", order: withMoney({ seller, ...terms, ...rest }, extra) }));

function withMoney(
  order: BecknOrder,
  extra: { readonly quoted: boolean; readonly paid: boolean | undefined; readonly feeMicro: number },
): BecknOrder {
  const energyMicro = amountMicro(order.quantityMilliWh, order.priceMicroPerKWh);
  const lines = [
    { title: "ENERGY", amountMicro: energyMicro },
    { title: "WHEELING_CHARGE", amountMicro: extra.feeMicro },
  ] as const;
  return {
    ...order,
    ...(extra.quoted ? { quote: { totalMicro: energyMicro + extra.feeMicro, lines, validMs: 60_000 } } : {}),
    ...(extra.paid === undefined ? {} : { payment: { amountMicro: energyMicro, paid: extra.paid } }),
  };
}

const fault: fc.Arbitrary<BecknContent> = fc
  .record({ code: fc.constantFrom("30006", "40002", "40003"), message: fc.string({ maxLength: 80 }) })
  .map((fault) => ({ kind: "fault", fault }));

const orderId: fc.Arbitrary<BecknContent> = fc.uuid().map((orderId) => ({ kind: "orderId", orderId }));

function contentOf(action: string): fc.Arbitrary<BecknContent> {
  if (action === "search") return intent;
  if (action === "on_search") return catalog;
  if (action === "status") return orderId;
  return action.startsWith("on_") ? fc.oneof({ weight: 4, arbitrary: order }, fault) : order;
}

/** Any message of any action. */
export const anyMessage: fc.Arbitrary<BecknMessage> = fc
  .constantFrom(...[...becknActions.values()].map((rule) => rule.action))
  .chain((action) => fc.record({ context: context(action), content: contentOf(action) }));
