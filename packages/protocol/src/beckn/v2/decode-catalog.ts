/** Catalogs of revision 2: resources, and offers with their tables. */

import type { JsonValue } from "../../json.ts";
import { type BecknOpenCatalog, type BecknOpenOffer } from "../open.ts";
import { present } from "../present.ts";
import { type BecknReading, bodyInstant, membersOf, text } from "../reading.ts";
import { offerOf, readSource, readTerms } from "./decode-contract.ts";
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
  const { area, offerEpoch } = readTerms(offer.provider?.providerAttributes) ?? {};
  const resource = catalog.resources?.find(({ id }) => id === offer.resourceIds?.[0]);
  const end = windowEnd(trade?.validityWindow);
  const { sellerName: _name, untilMs, ...named } = offerOf(offer, reading);
  return {
    ...named,
    ...table,
    ...present({
      area,
      offerEpoch,
      untilMs: untilMs ?? (end === undefined ? undefined : bodyInstant(end, reading)),
      source: readSource(resource?.resourceAttributes),
    }),
  };
}

/** The pack wants times of day here; what is found in use are instants, and only those say when. */
function windowEnd(window: object | undefined): string | undefined {
  const members = membersOf(window as JsonValue | undefined);
  const end = text(members["schema:endTime"]) ?? text(members["endDate"]);
  return end?.includes("T") === true && end.length <= 40 ? end : undefined;
}
