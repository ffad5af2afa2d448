/** An order as revision 2 writes it: a contract of one commitment, its table, its flows of money. */

import type { JsonObject } from "../../json.ts";
import type { BecknContext, BecknMeter, BecknOrderName, BecknQuote } from "../model.ts";
import { type BecknOpenOffer, type BecknOpenOrder, openOrder } from "../open.ts";
import { present } from "../present.ts";
import { formatDuration, formatInstant } from "../time.ts";
import { attributes, COMMITMENT_ID, packs, QUOTE_ID, roles } from "./names.ts";
import { encodeSeries, exactNumber, sumOf } from "./series.ts";

/** Rules of a trade between peers: those of the two nodes, of which this is the name. */
const POLICY = { url: "urn:gridmesh:policy:energy:1", queryPath: "gridmesh.energy" };

const commitmentStatus = {
  DRAFT: "DRAFT",
  ACTIVE: "ACTIVE",
  COMPLETE: "CLOSED",
  CANCELLED: "CLOSED",
} as const;

type Parties = Pick<BecknContext, "bapId">;

export function encodeContract(order: BecknOpenOrder, context: Parties): JsonObject {
  const { orderId, seller, status = "DRAFT", quote, payment, state, currency = "" } = order;
  const participants = encodeParticipants(order, context);
  return {
    ...present({ id: orderId }),
    status: { code: status },
    commitments: [encodeCommitment(order)],
    ...(seller === undefined ? {} : { contractAttributes: encodeRoles(seller, context) }),
    ...(participants.length === 0 ? {} : { participants }),
    ...(quote === undefined ? {} : { consideration: [encodeQuote(quote, currency)] }),
    ...(payment === undefined ? {} : { settlements: [encodePayment(payment, order)] }),
    ...(state === undefined
      ? {}
      : { performance: [{ id: "delivery", status: { code: state }, commitmentIds: [COMMITMENT_ID] }] }),
  };
}

/** Revision 2 wants the commitments even where only the order's id is meant. */
export function encodeOrderName(name: BecknOrderName, context: Parties): JsonObject {
  if (name.order) return { ...encodeContract(openOrder(name.order), context), id: name.orderId };
  return {
    id: name.orderId,
    commitments: [
      {
        id: COMMITMENT_ID,
        status: { descriptor: { code: "ACTIVE" } },
        resources: [],
        offer: { id: name.orderId, resourceIds: [] },
      },
    ],
  };
}

function encodeCommitment(order: BecknOpenOrder): JsonObject {
  const { intervals, offerId = "", status = "DRAFT", resourceId = offerId, source, window, currency } = order;
  const total = sumOf(intervals, "quantityMilliWh");
  const quantity = {
    "@type": "Quantity",
    unitCode: "KWH",
    ...(total === undefined ? {} : { unitQuantity: exactNumber(total) }),
  };
  return {
    id: COMMITMENT_ID,
    status: { descriptor: { code: commitmentStatus[status] } },
    resources: [{ ...encodeResource(resourceId, source), quantity }],
    offer: { id: offerId, resourceIds: [resourceId], ...offerTerms(order, order.quote?.validMs) },
    ...encodeSeries({ window, currency, intervals }, "quantityMilliWh"),
  };
}

export function encodeResource(id: string, source: string | undefined): JsonObject {
  if (source === undefined) return { id };
  return { id, resourceAttributes: attributes(packs.resource, { id, type: source }) };
}

/** Who offers, until when, and what our desks need besides. */
export function offerTerms(
  order: BecknOpenOrder | (BecknOpenOffer & { readonly seller?: string | undefined }),
  quoteMs?: number,
): JsonObject {
  const { seller, area, offerEpoch, untilMs } = order;
  const { sellerName, delivery, contractId } =
    "targets" in order || "seller" in order ? (order as BecknOpenOrder) : {};
  const terms = present({
    area,
    offerEpoch,
    delivery,
    contractId,
    quoteTtl: quoteMs === undefined ? undefined : formatDuration(quoteMs),
  });
  const provider = {
    id: seller ?? "",
    descriptor: present({ name: sellerName }),
    ...(Object.keys(terms).length === 0 ? {} : { providerAttributes: attributes(packs.terms, terms) }),
  };
  return {
    ...(seller === undefined ? {} : { provider }),
    ...(untilMs === undefined ? {} : { validity: { endDate: formatInstant(untilMs) } }),
  };
}

function encodeRoles(seller: string, context: Parties): JsonObject {
  return attributes(packs.contract, {
    roles: [
      { role: roles.buyer, participantId: context.bapId },
      { role: roles.seller, participantId: seller },
    ],
    policy: POLICY,
  });
}

function encodeParticipants(order: BecknOpenOrder, context: Parties): readonly JsonObject[] {
  const { billingName, buyerMeter, sellerMeter, seller } = order;
  const buyer = billingName !== undefined || buyerMeter !== undefined;
  return [
    ...(buyer
      ? [
          {
            id: context.bapId,
            ...(billingName === undefined ? {} : { descriptor: { name: billingName } }),
            ...encodeMeter(buyerMeter),
          },
        ]
      : []),
    ...(sellerMeter === undefined || seller === undefined
      ? []
      : [{ id: seller, ...encodeMeter(sellerMeter) }]),
  ];
}

function encodeMeter(meter: BecknMeter | undefined): JsonObject {
  if (meter === undefined) return {};
  const members = { meterId: meter.meterId, ...present({ utilityId: meter.utility }) };
  return { participantAttributes: attributes(packs.customer, members) };
}

/** What each party gets; all together is nothing. */
function encodeQuote(quote: BecknQuote, currency: string): JsonObject {
  const flows = quote.lines.map(({ title, amountMicro }) => ({
    role: title === "WHEELING_CHARGE" ? roles.utility : roles.seller,
    value: exactNumber(amountMicro),
    currency,
    description: title,
  }));
  const paid = { role: roles.buyer, value: exactNumber(-quote.totalMicro), currency, description: "TOTAL" };
  return {
    id: QUOTE_ID,
    status: { code: "QUOTED" },
    considerationAttributes: attributes(packs.flows, { revenueFlows: [...flows, paid] }),
  };
}

function encodePayment(payment: NonNullable<BecknOpenOrder["payment"]>, order: BecknOpenOrder): JsonObject {
  const open = order.status === undefined ? "DRAFT" : "COMMITTED";
  return {
    id: "payment",
    considerationId: QUOTE_ID,
    status: payment.paid ? "COMPLETE" : open,
    settlementAttributes: attributes(packs.settlement, {
      amount: { value: exactNumber(payment.amountMicro), ...present({ currency: order.currency }) },
      paymentTrigger: order.delivery === "instant" ? "ON_FULFILLMENT" : "POST_FULFILLMENT",
      settlementStatus: payment.paid ? "COMPLETE" : "PENDING",
    }),
  };
}
