/** Filters of a discover: every offer we hold is an energy offer, so the filter that asks for those asks for all. */

import { schemaError } from "../reading.ts";

/** As RFC 9535 writes it, and as a published sample does. */
const energyOffers: ReadonlySet<string> = new Set([
  `$.catalogs[*].offers[?@.offerAttributes['@type'] == 'EnergyTradeOffer']`,
  `$.catalogs[*].offers[*] ? (@.offerAttributes."@type" == "EnergyTradeOffer")`,
]);

/** @throws SCHEMA_INVALID for a filter that is not understood: to answer past it would be wrong. */
export function checkFilter(filter: { readonly type: string; readonly expression: string }): void {
  if (filter.type === "jsonpath" && energyOffers.has(filter.expression)) return;
  throw schemaError(`filter ${filter.expression.slice(0, 80)}`, "SCH_INVALID_JSONPATH");
}
