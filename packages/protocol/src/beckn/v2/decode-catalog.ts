/** Catalogs of revision 2: resources, and offers with their tables. */

import type { JsonValue } from "../../json.ts";
import { type BecknOpenCatalog, type BecknOpenOffer } from "../open.ts";
import { present } from "../present.ts";
import { type BecknReading, bodyInstant, membersOf, text } from "../reading.ts";
import { readSource, readTerms } from "./decode-contract.ts";
import { readPack } from "./packs.ts";
import { packSchemas, seriesSchema, type V2Catalog } from "./schema.ts";
import { decodeSeries, type Table } from "./series.ts";

type V2Offer = NonNullable<V2Catalog["offers"]>[number];

/** @throws SCHEMA_INVALID, AMOUNT_INVALID, SLOT_INVALID. */
export function decodeCatalog(catalog: V2Catalog, reading: BecknReading): BecknOpenCatalog {
  const { id, provider, descriptor } = catalog;
  return {
    seller: provider.id,
    ...present({
      catalogId: id === provider.id ? undefined : id,
      sellerName: provider.descriptor?.name ?? descriptor.name,
    }),
    offers: (catalog.offers ?? []).map((offer) => decodeOffer(offer, catalog, reading)),
  };
}

function decodeOffer(offer: V2Offer, catalog: V2Catalog, reading: BecknReading): BecknOpenOffer {
  const trade = readPack(packSchemas.offer, offer.offerAttributes, "EnergyTradeOffer");
  const series = readPack(seriesSchema, trade?.commitmentAttributes, "TimeSeries");
  const table: Table = series ? decodeSeries(series, reading) : { intervals: [] };
  const terms = readTerms(offer.provider?.providerAttributes);
  const resourceId = offer.resourceIds?.[0];
  const resource = catalog.resources?.find(({ id }) => id === resourceId);
  const until = offer.validity?.endDate ?? windowEnd(trade?.validityWindow);
  return {
    offerId: offer.id,
    intervals: table.intervals,
    ...present({
      window: table.window,
      currency: table.currency,
      area: terms?.area,
      offerEpoch: terms?.offerEpoch,
      untilMs: until === undefined ? undefined : bodyInstant(until, reading),
      source: readSource(resource?.resourceAttributes),
      resourceId: resourceId === offer.id ? undefined : resourceId,
    }),
  };
}

/** The pack wants times of day here; what is found in use are instants, and only those say when. */
function windowEnd(window: object | undefined): string | undefined {
  const members = membersOf(window as JsonValue | undefined);
  const end = text(members["schema:endTime"]) ?? text(members["endDate"]);
  return end?.includes("T") === true && end.length <= 40 ? end : undefined;
}
