/** Reading single members of core 1.1, each failure naming its place. */

import { ProtocolError } from "../../errors.ts";
import { parseDecimal } from "../decimal.ts";
import { type BecknMeter, becknSources, type BecknSource } from "../model.ts";
import type { BecknWindow } from "../open.ts";
import { spokenSource } from "../quote.ts";
import { type BecknReading, bodyInstant, checkUnit, milliWhOf, schemaError } from "../reading.ts";
import { v1Tags } from "./names.ts";
import type { V1Fulfillment, V1Item, V1Measure, V1TagGroup } from "./schema.ts";

const CURRENCY = /^([A-Z]{3})\/kWh$/;
const SPOKEN_CURRENCY = /^([A-Z]{3})\/kWh$/i;
const OUR_ITEM = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})#(\d{1,3})$/;
const NUMBERED_ITEM = /^([\x21-\x22\x24-\x7e]{1,128})#(\d{1,3})$/;
const ITEM = /^[\x20-\x7e]{1,160}$/;
const METER = /^der:\/\/([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)\.meter\/([\x21-\x2e\x30-\x7e]{1,64})$/;

/** The value of the tag of this code, in any group; partners write the code or the same words as a name. */
export function tagValue(groups: readonly V1TagGroup[] | undefined, code: string): string | undefined {
  for (const group of groups ?? []) {
    for (const tag of group.list ?? []) {
      const said = tag.descriptor?.code ?? tag.descriptor?.name?.replaceAll(" ", "_");
      if (said === code) return tag.value;
    }
  }
  return undefined;
}

/** kWh → mWh; nothing delivered is a delivery too, so `least` may be 0. @throws SCHEMA_INVALID, AMOUNT_INVALID. */
export function quantityOf(
  quantity: V1Measure | undefined,
  at: { readonly where: string; readonly reading: BecknReading; readonly least?: number },
): number | undefined {
  if (quantity === undefined) return undefined;
  const { value, unit } = quantity.measure;
  checkUnit(unit, at.reading, "kWh");
  return milliWhOf(value, at.where, at.least);
}

export function decimalOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : parseDecimal(value);
}

/** `USD/kWh` → `USD`. @throws SCHEMA_INVALID. */
export function currencyPerKWh(text: string | undefined, reading: BecknReading): string | undefined {
  if (text === undefined) return undefined;
  const [, currency] = (reading === "strict" ? CURRENCY : SPOKEN_CURRENCY).exec(text) ?? [];
  if (currency === undefined) throw schemaError(`price.currency "${text.slice(0, 20)}" is not XXX/kWh`);
  return currency.toUpperCase();
}

/**
 * The offer behind the items of its intervals, `<offer>#<n>`; a partner's single item is named as it likes.
 * @throws SCHEMA_INVALID when they are not of one offer, in order.
 */
export function offerIdOf(items: readonly V1Item[]): string | undefined {
  const ids = items.map((item) => item.id);
  const [first, ...others] = ids;
  if (others.length === 0) return first === undefined ? undefined : singleOffer(first);
  const [, offerId] = NUMBERED_ITEM.exec(first ?? "") ?? [];
  if (offerId === undefined || ids.some((id, index) => id !== `${offerId}#${index}`)) {
    throw schemaError("the items are not the intervals of one offer");
  }
  return offerId;
}

function singleOffer(id: string): string {
  if (!ITEM.test(id)) throw schemaError(`item.id "${id.slice(0, 40)}"`);
  const [, offerId = id, index = "0"] = OUR_ITEM.exec(id) ?? [];
  if (index !== "0") throw schemaError(`item ${id} without those before it`);
  return offerId;
}

/** The items of each offer, in the order of its intervals. */
export function itemsByOffer(items: readonly V1Item[]): readonly (readonly V1Item[])[] {
  const groups = new Map<string, V1Item[]>();
  for (const item of items) {
    const id = item.id ?? "";
    const name = NUMBERED_ITEM.exec(id)?.[1] ?? id;
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return [...groups.values()];
}

/** The fulfillment an item names, or the only one there is. */
export function fulfillmentOf(
  item: V1Item,
  fulfillments: readonly V1Fulfillment[],
): V1Fulfillment | undefined {
  const named = fulfillments.find(({ id }) => id !== undefined && id === item.fulfillment_ids?.[0]);
  return named ?? (fulfillments.length === 1 ? fulfillments[0] : undefined);
}

/** The one window of all stops. @throws SLOT_INVALID when they disagree, SCHEMA_INVALID when a time is none. */
export function windowOf(
  fulfillment: V1Fulfillment | undefined,
  reading: BecknReading,
): BecknWindow | undefined {
  let found: BecknWindow | undefined;
  for (const stop of fulfillment?.stops ?? []) {
    const { start, end } = stop.time?.range ?? {};
    if (start === undefined || end === undefined) continue;
    const startMs = bodyInstant(start, reading);
    const durationMs = bodyInstant(end, reading) - startMs;
    if (durationMs <= 0) throw new ProtocolError("SLOT_INVALID", `${start} … ${end} is no time`);
    if (found && (found.startMs !== startMs || found.durationMs !== durationMs)) {
      throw new ProtocolError("SLOT_INVALID", "the stops are not of one window");
    }
    found = { startMs, durationMs };
  }
  return found;
}

/** The meter at the stop of this type: `der://<utility>.meter/<id>`; other addresses are none. */
export function meterAt(
  fulfillment: V1Fulfillment | undefined,
  type: "start" | "end",
): BecknMeter | undefined {
  const stop = fulfillment?.stops?.find((one) => one.type === type);
  const [, utility, meterId] = METER.exec(stop?.location?.address ?? "") ?? [];
  return utility === undefined || meterId === undefined ? undefined : { utility, meterId };
}

/** @throws SCHEMA_INVALID for a source that has no name of ours, unless words are taken. */
export function sourceOf(
  groups: readonly V1TagGroup[] | undefined,
  reading: BecknReading,
): BecknSource | undefined {
  const words = tagValue(groups, v1Tags.source);
  const known = becknSources.find((source) => source === words);
  if (known || words === undefined) return known;
  return reading === "strict" ? undefined : spokenSource(words);
}
