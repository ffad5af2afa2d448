/** A contract read into an order: its commitment's table, its parties, its flows of money. */

import { ProtocolError } from "../../errors.ts";
import type { JsonValue } from "../../json.ts";
import { parseDecimal } from "../decimal.ts";
import {
  type BecknContext,
  type BecknMeter,
  type BecknOrder,
  type BecknQuote,
  becknSources,
  type BecknSource,
  type QuoteTitle,
  quoteTitles,
} from "../model.ts";
import { type BecknOpenOrder, closedOrder } from "../open.ts";
import { present } from "../present.ts";
import { checkOrder, QUOTE_VALID_MS } from "../quote.ts";
import { type BecknReading, bodyDuration, bodyInstant, isId, required, schemaError } from "../reading.ts";
import { roles } from "./names.ts";
import { readPack } from "./packs.ts";
import { packSchemas, seriesSchema, type V2Contract, type V2Pack } from "./schema.ts";
import { decodeSeries, type Table } from "./series.ts";

export interface ContractReading {
  readonly context: BecknContext;
  readonly reading: BecknReading;
}

/** The order when it says all that binds, else what it does say. @throws SCHEMA_INVALID, AMOUNT_INVALID, SLOT_INVALID. */
export function decodeContract(
  contract: V2Contract,
  at: ContractReading,
): { readonly open: BecknOpenOrder; readonly order: BecknOrder | undefined } {
  const open = readContract(contract, at);
  const order = closedOrder(open);
  checkOrder(open, order);
  return { open, order };
}

/** The contract's id. @throws SCHEMA_INVALID. */
export function contractId(contract: V2Contract, reading: BecknReading): string {
  const id = required(contract.id, "contract.id");
  if (!isId(id, reading)) throw schemaError(`contract.id "${id.slice(0, 40)}"`);
  return id;
}

function readContract(contract: V2Contract, at: ContractReading): BecknOpenOrder {
  const [commitment, ...others] = contract.commitments;
  if (!commitment || others.length > 0) throw schemaError("one commitment per contract");
  const { offer, resources } = commitment;
  const series = readPack(seriesSchema, commitment.commitmentAttributes, "TimeSeries");
  const { intervals, ...table }: Table = series ? decodeSeries(series, at.reading) : { intervals: [] };
  const { quoteTtl, ...terms } = readTerms(offer.provider?.providerAttributes) ?? {};
  const { seller: sellerInRole, ...parties } = readParties(contract, at);
  const { currency } = table;
  return {
    intervals,
    ...present({
      ...table,
      ...terms,
      ...offerOf(offer, at.reading),
      ...parties,
      seller: offer.provider?.id ?? sellerInRole,
      quote: readQuote(contract, { ...at, currency, quoteTtl }),
      payment: readPayment(contract, currency),
      ...standingOf(contract, at.reading),
      source: readSource(resources.find(({ id }) => id === offer.resourceIds?.[0])?.resourceAttributes),
    }),
  };
}

/** Which order it is, and how far it has come; a draft has come nowhere. */
function standingOf(contract: V2Contract, reading: BecknReading) {
  const status = contract.status?.code;
  return {
    orderId: contract.id === undefined ? undefined : contractId(contract, reading),
    status: status === "DRAFT" ? undefined : status,
    state: contract.performance?.[0]?.status?.code,
  };
}

/** What an offer is called, who makes it and until when. */
export function offerOf(offer: V2Contract["commitments"][number]["offer"], reading: BecknReading) {
  const [resourceId] = offer.resourceIds ?? [];
  const until = offer.validity?.endDate;
  return {
    offerId: offer.id,
    ...present({
      resourceId: resourceId === offer.id ? undefined : resourceId,
      sellerName: offer.provider?.descriptor?.name,
      untilMs: until === undefined ? undefined : bodyInstant(until, reading),
    }),
  };
}

export function readTerms(attributes: V2Pack | undefined) {
  return readPack(packSchemas.terms, attributes, "TradeTerms");
}

export function readSource(attributes: V2Pack | undefined): BecknSource | undefined {
  const type = readPack(packSchemas.resource, attributes, "EnergyResource")?.type;
  return becknSources.find((source) => source === type);
}

/** Who is buyer and who seller: by the contract's roles, else by the context. */
function readParties(contract: V2Contract, { context }: ContractReading) {
  const named = readPack(packSchemas.contract, contract.contractAttributes, "DEGContract")?.roles ?? [];
  const inRole = (role: string) => named.find((one) => one.role === role)?.participantId ?? undefined;
  const buyer = inRole(roles.buyer) ?? context.bapId;
  const seller = inRole(roles.seller);
  const participant = (id: string | undefined) =>
    id === undefined ? undefined : contract.participants?.find((one) => one.id === id);
  return {
    seller,
    billingName: participant(buyer)?.descriptor?.name,
    buyerMeter: readMeter(participant(buyer)?.participantAttributes),
    sellerMeter: readMeter(participant(seller)?.participantAttributes),
  };
}

function readMeter(attributes: V2Pack | undefined): BecknMeter | undefined {
  const customer = readPack(packSchemas.customer, attributes, "EnergyCustomer");
  return customer && { meterId: customer.meterId, ...present({ utility: customer.utilityId }) };
}

function readQuote(
  contract: V2Contract,
  at: ContractReading & { readonly currency: string | undefined; readonly quoteTtl: string | undefined },
): BecknQuote | undefined {
  const { reading, currency, quoteTtl } = at;
  for (const { status, considerationAttributes } of contract.consideration ?? []) {
    if (reading === "strict") required(status as JsonValue | undefined, "consideration.status");
    const flows = readPack(packSchemas.flows, considerationAttributes, "RevenueFlow")?.revenueFlows;
    if (!flows) continue;
    if (flows.some((flow) => flow.currency !== currency))
      throw schemaError("flows and prices differ in currency");
    const amount = ({ value }: { readonly value: number }) => parseDecimal(String(value));
    const paid = flows.filter(({ role }) => role === roles.buyer).map(amount);
    return {
      totalMicro: 0 - paid.reduce((sum, micro) => sum + micro, 0),
      lines: flows
        .filter(({ role }) => role !== roles.buyer)
        .map((flow) => ({ title: titleOf(flow), amountMicro: amount(flow) })),
      validMs: quoteTtl === undefined ? QUOTE_VALID_MS : bodyDuration(quoteTtl),
    };
  }
  return undefined;
}

function titleOf(flow: { readonly role: string; readonly description?: string | undefined }): QuoteTitle {
  const named = quoteTitles.find((title) => title === flow.description);
  if (named) return named;
  if (flow.role === roles.seller) return "ENERGY";
  return flow.role.endsWith("Discom") ? "WHEELING_CHARGE" : "PLATFORM_CHARGE";
}

const PAID: ReadonlySet<string> = new Set(["COMPLETED", "CAPTURED", "SETTLED"]);

/** The first settlement that names an amount; partners name one only when it is paid. */
function readPayment(contract: V2Contract, currency: string | undefined): BecknOrder["payment"] {
  for (const { settlementAttributes } of contract.settlements ?? []) {
    const payment =
      readPack(packSchemas.payment, settlementAttributes, "SettlementTerm") ??
      readPack(packSchemas.payment, settlementAttributes, "PaymentAction");
    if (!payment?.amount) continue;
    if (payment.amount.currency !== currency) {
      throw new ProtocolError("SCHEMA_INVALID", `payment in ${payment.amount.currency}`);
    }
    const paid = payment.settlementStatus === "COMPLETE" || PAID.has(payment.paymentStatus ?? "");
    return { amountMicro: parseDecimal(String(payment.amount.value)), paid };
  }
  return undefined;
}
