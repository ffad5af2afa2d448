/** Beckn messages of every action and both revisions, as arbitrary values. */

import * as fc from "fast-check";
import {
  amountMicro,
  type BecknAction,
  type BecknContent,
  type BecknContext,
  type BecknIntent,
  type BecknMessage,
  type BecknOffer,
  type BecknOpenOrder,
  type BecknOrder,
  type BecknProfile,
  becknActions,
  becknSources,
  becknWire,
  isCallback,
} from "@gridmesh/protocol";
import { openIntent, openOffer, openOrder } from "../src/beckn/open.ts";
import { signerOf } from "./keys.ts";

export const buyer = signerOf(0).agentId;
export const seller = signerOf(64).agentId;
const PEER = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";
const DIGEST = "9MIay6re4ocqP1Kn479MwFhxCcbXCFuuKKKf+ryGLBb7LhnFcn9GQGHrJ1xtI5c7XR8T5XFfr3M77NHgmIFrkQ==";
const DAY_S = 86_400;

const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$/);
const currency = fc.constantFrom("USD", "EUR", "INR");
const instant = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000);
const quantity = fc.integer({ min: 1, max: 1_000_000_000_000 });
const soldQuantity = fc.integer({ min: 1, max: 100_000_000_000 });
const price = fc.integer({ min: 0, max: 1_000_000_000 });
const source = fc.constantFrom(...becknSources);
const seconds = fc.integer({ min: 1, max: 86_400 });
const slot = fc
  .tuple(name, fc.constantFrom(900, 1_800, 3_600, DAY_S), fc.nat({ max: 40_000 }))
  .map(([area, durationS, index]) => ({ area, durationS, startS: index * durationS }));

/** The members drawn that are there. */
const some = <T extends object>(members: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(members, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;

function contextOf(action: BecknAction, profile: BecknProfile): fc.Arbitrary<BecknContext> {
  const fixed = {
    domain: "energy",
    action,
    version: profile === "beckn/1" ? "1.1.0" : "2.0.0",
    bapId: buyer,
    bapUri: `libp2p://${PEER}/household-agent-01/bap`,
    ...(action === "search" ? {} : { bppId: seller, bppUri: `libp2p://${PEER}/household-agent-02/bpp` }),
    ttlMs: becknActions.get(action)?.ttlMs ?? 0,
    ...(profile === "beckn/1" ? {} : { networkId: "gridmesh/lab" }),
    ...(profile === "beckn/2" && isCallback(action) ? { requestDigest: DIGEST } : {}),
  };
  const drawn = fc.record({ transactionId: fc.uuid(), messageId: fc.uuid(), timestampMs: instant });
  const preview = profile === "beckn/1" ? fc.constant({}) : some({ preview: fc.boolean() });
  return fc.tuple(drawn, preview).map(([ids, tried]) => ({ ...fixed, ...ids, ...tried }));
}

const intent: fc.Arbitrary<BecknIntent> = fc
  .tuple(fc.record({ slot, needMilliWh: quantity, maxPriceMicroPerKWh: price, currency }), some({ source }))
  .map(([needed, wished]) => ({ ...needed, ...wished }));

/** What a partner may leave out of a need: here the price it would pay and the area. */
const looseIntent: fc.Arbitrary<BecknContent> = intent.map((closed) => {
  const { maxPriceMicroPerKWh: _max, currency: _currency, area: _area, ...open } = openIntent(closed);
  return { kind: "openIntent", intent: open };
});

const offer = (profile: BecknProfile): fc.Arbitrary<BecknOffer> =>
  fc
    .tuple(
      fc.record({
        offerId: fc.uuid(),
        offerEpoch: fc.uuid(),
        slot,
        availableMilliWh: quantity,
        priceMicroPerKWh: price,
        currency,
        untilMs: instant,
      }),
      some({
        further: fc.array(fc.record({ availableMilliWh: quantity, priceMicroPerKWh: price }), {
          minLength: 1,
          maxLength: 3,
        }),
        source,
        ...(profile === "beckn/1" ? {} : { resourceId: fc.uuid() }),
      }),
    )
    .map(([offered, more]) => ({ ...offered, ...more }));

const catalogOf = (profile: BecknProfile) =>
  fc.record({
    seller: fc.constant(seller),
    sellerName: name,
    offers: fc.uniqueArray(offer(profile), { maxLength: 5, selector: ({ offerId }) => offerId }),
  });

/** A partner knows nothing of epochs and areas. */
const looseCatalog = (profile: BecknProfile): fc.Arbitrary<BecknContent> =>
  catalogOf(profile)
    .filter(({ offers }) => offers.length > 0)
    .map(({ offers, ...catalog }) => ({
      kind: "openCatalog",
      catalogs: [
        {
          ...catalog,
          offers: offers.map((closed) => {
            const { offerEpoch: _epoch, area: _area, untilMs: _until, ...open } = openOffer(closed);
            return open;
          }),
        },
      ],
    }));

const delivered = fc.integer({ min: 0, max: 100_000_000_000 });
const interval = (profile: BecknProfile) =>
  fc
    .tuple(
      fc.record({ quantityMilliWh: soldQuantity, priceMicroPerKWh: price }),
      some({
        finalMilliWh: delivered,
        ...(profile === "beckn/1" ? {} : { sellerAllocMilliWh: delivered, buyerAllocMilliWh: delivered }),
      }),
    )
    .map(([ordered, told]) => ({ ...ordered, ...told }));

const meter = (side: string) =>
  fc.record({
    meterId: fc.stringMatching(/^[A-Z0-9_]{1,24}$/).map((id) => side + id),
    utility: name,
  });

/** Bounded so that the amount keeps within 15 digits. */
const terms = fc.record({
  offerId: fc.uuid(),
  offerEpoch: fc.uuid(),
  slot,
  currency,
  delivery: fc.constantFrom("slot" as const, "instant" as const),
  untilMs: instant,
});

const orderOf = (profile: BecknProfile): fc.Arbitrary<BecknOrder> =>
  fc
    .tuple(
      terms,
      fc.array(interval(profile), { minLength: 1, maxLength: 4 }),
      some({
        sellerName: name,
        billingName: name,
        orderId: fc.uuid(),
        contractId: fc.uuid(),
        status: fc.constantFrom("ACTIVE" as const, "COMPLETE" as const, "CANCELLED" as const),
        state: fc.constantFrom("ORDER_CONFIRMED", "DELIVERED", "SETTLED"),
        source,
        buyerMeter: meter("B"),
        sellerMeter: meter("S"),
        ...(profile === "beckn/1" ? {} : { resourceId: fc.uuid() }),
      }),
      some({ paid: fc.boolean(), feeMicro: fc.nat(), platformMicro: fc.nat(), validS: seconds }),
    )
    .map(([terms, intervals, rest, money]) => {
      const [first, ...further] = intervals;
      if (!first) throw new TypeError("an order has an interval");
      const order = { seller, ...terms, ...first, ...rest, ...(further.length > 0 ? { further } : {}) };
      return withMoney(order, money);
    });

interface Money {
  readonly paid?: boolean;
  readonly feeMicro?: number;
  readonly platformMicro?: number;
  readonly validS?: number;
}

function withMoney(order: BecknOrder, money: Money): BecknOrder {
  const energyMicro = [order, ...(order.further ?? [])].reduce(
    (total, { quantityMilliWh, priceMicroPerKWh }) => total + amountMicro(quantityMilliWh, priceMicroPerKWh),
    0,
  );
  const { paid, feeMicro = 0, platformMicro, validS } = money;
  const lines = [
    { title: "ENERGY", amountMicro: energyMicro },
    { title: "WHEELING_CHARGE", amountMicro: feeMicro },
    ...(platformMicro === undefined
      ? []
      : [{ title: "PLATFORM_CHARGE", amountMicro: platformMicro } as const]),
  ] as const;
  const totalMicro = lines.reduce((total, line) => total + line.amountMicro, 0);
  return {
    ...order,
    ...(validS === undefined ? {} : { quote: { totalMicro, lines, validMs: validS * 1000 } }),
    ...(paid === undefined ? {} : { payment: { amountMicro: energyMicro, paid } }),
  };
}

/** What partners leave out of an order, each of it enough to leave it open. */
const unsaid = fc.constantFrom<readonly (keyof BecknOpenOrder)[]>(
  ["offerEpoch", "area"],
  ["delivery"],
  ["untilMs", "window", "area"],
  ["offerEpoch", "area", "delivery", "untilMs", "sellerName", "contractId", "quote"],
);

const looseOrder = (profile: BecknProfile): fc.Arbitrary<BecknOpenOrder> =>
  fc.tuple(orderOf(profile), unsaid).map(([order, left]) => {
    const open = { ...openOrder(order) } as Record<string, unknown>;
    for (const key of left) delete open[key];
    return open as unknown as BecknOpenOrder;
  });

const fault = (profile: BecknProfile) =>
  fc.record({
    code:
      profile === "beckn/1"
        ? fc.constantFrom("30006", "40002", "40003")
        : fc.constantFrom("BIZ_OFFER_NOT_FOUND", "BIZ_QUOTE_EXPIRED_OR_CHANGED"),
    message: fc.string({ minLength: 1, maxLength: 80 }).filter((text) => text.isWellFormed()),
  });

const ORDER_CALLBACKS: ReadonlySet<BecknAction> = new Set([
  "on_select",
  "on_init",
  "on_confirm",
  "on_status",
  "on_update",
  "on_cancel",
]);

/** Revision 2 repeats what was refused, and a refused confirm makes a cancelled contract. */
function faultOf(action: BecknAction, profile: BecknProfile): fc.Arbitrary<BecknContent> {
  const told = fault(profile);
  if (profile === "beckn/1" || !ORDER_CALLBACKS.has(action)) {
    return told.map((fault) => ({ kind: "fault", fault }));
  }
  return fc.tuple(told, fc.uuid(), some({ order: orderOf(profile) })).map(([fault, orderId, { order }]) => {
    if (!order) return { kind: "fault", fault };
    const refused = action === "on_confirm" ? ({ ...order, orderId, status: "CANCELLED" } as const) : order;
    return { kind: "fault", fault, order: refused };
  });
}

/** Only revision 2 says what an order's name stands for. */
const orderName = (profile: BecknProfile) =>
  fc.tuple(fc.uuid(), some({ order: orderOf(profile) })).map(([orderId, { order }]) => ({
    orderId,
    ...(profile === "beckn/2" && order ? { order: { ...order, orderId } } : {}),
  }));

const rating = fc.record({
  category: fc.constantFrom("Order" as const, "Provider" as const, "Support" as const),
  id: fc.uuid(),
  value: fc.integer({ min: 1, max: 5 }),
});
const url = name.map((host) => `https://${host}.example/help`);
const words = fc.stringMatching(/^[A-Za-z][A-Za-z ]{0,40}[a-z]$/);

function aboutOf(action: BecknAction, profile: BecknProfile): fc.Arbitrary<BecknContent> | undefined {
  const ratings = fc.array(rating, { minLength: 1, maxLength: 3 });
  switch (action) {
    case "status":
      return orderName(profile).map((about) => ({ kind: "orderId", ...about }));
    case "cancel":
      return fc
        .tuple(orderName(profile), some({ reasonId: name, reason: words }))
        .map(([about, why]) => ({ kind: "cancel", ...about, ...why }));
    case "track":
      return fc
        .tuple(orderName(profile), some({ callbackUrl: url }))
        .map(([about, wish]) => ({ kind: "track", ...about, ...wish }));
    case "on_track":
      return fc
        .record({ orderId: fc.uuid(), url, active: fc.boolean() })
        .map((tracking) => ({ kind: "tracking", ...tracking }));
    case "rating":
      return ratings.map((ratings) => ({ kind: "ratings", ratings }));
    case "on_rating":
      return profile === "beckn/1"
        ? some({ formUrl: url }).map((form) => ({ kind: "rated", ratings: [], ...form }))
        : ratings.map((ratings) => ({ kind: "rated", ratings }));
    case "support":
    case "on_support":
      return some({
        orderId: fc.uuid(),
        phone: fc.constant("+4930123456"),
        email: fc.constant("a@b.example"),
        url,
      }).map((support) => ({ kind: "support", support }));
    case "on_publish":
      return fc
        .record({
          catalogId: name,
          status: fc.constantFrom("ACCEPTED" as const, "REJECTED" as const, "PARTIAL" as const),
        })
        .map((result) => ({ kind: "published", results: [result] }));
    default:
      return undefined;
  }
}

function tradeOf(action: BecknAction, profile: BecknProfile): fc.Arbitrary<BecknContent> {
  switch (action) {
    case "search":
      return fc.oneof(
        { weight: 4, arbitrary: intent.map((intent) => ({ kind: "intent", intent }) as const) },
        fc.constant({ kind: "intent", intent: undefined } as const),
        looseIntent,
        words.map((words) => ({ kind: "openIntent", intent: { words } }) as const),
      );
    case "on_search":
      return fc.oneof(
        {
          weight: 4,
          arbitrary: catalogOf(profile).map((catalog) => ({ kind: "catalog", catalog }) as const),
        },
        looseCatalog(profile),
      );
    case "publish":
      return fc
        .tuple(catalogOf(profile), name)
        .map(([catalog, catalogId]) => ({ kind: "publish", catalogs: [{ ...catalog, catalogId }] }));
    case "update": {
      const targets = profile === "beckn/1" ? ["item"] : [];
      return fc.oneof(
        orderOf(profile).map((order) => ({ kind: "update", targets, order }) as const),
        looseOrder(profile).map(
          (order) =>
            ({ kind: "openOrder", order: profile === "beckn/1" ? { ...order, targets } : order }) as const,
        ),
      );
    }
    default:
      return fc.oneof(
        { weight: 4, arbitrary: orderOf(profile).map((order) => ({ kind: "order", order }) as const) },
        looseOrder(profile).map((order) => ({ kind: "openOrder", order }) as const),
      );
  }
}

function contentOf(action: BecknAction, profile: BecknProfile): fc.Arbitrary<BecknContent> {
  const said = aboutOf(action, profile) ?? tradeOf(action, profile);
  return isCallback(action) ? fc.oneof({ weight: 5, arbitrary: said }, faultOf(action, profile)) : said;
}

/** Every action of a revision. */
export function actionsOf(profile: BecknProfile): readonly BecknAction[] {
  const wire = becknWire(profile);
  return [...becknActions.values()]
    .map(({ action }) => action)
    .filter((action) => wire?.actions.pathOf(action) !== undefined);
}

/** Any message of any action of a revision. */
export function messagesOf(profile: BecknProfile): fc.Arbitrary<BecknMessage> {
  return fc.oneof(
    ...actionsOf(profile).map((action) =>
      fc.record({ context: contextOf(action, profile), content: contentOf(action, profile) }),
    ),
  );
}

/** Any message of any action of version 1. */
export const anyMessage: fc.Arbitrary<BecknMessage> = messagesOf("beckn/1");
