/** Reading single members of core 1.1, each failure naming its place. */

import { ProtocolError } from "../../errors.ts";
import type { Slot } from "../../messages/trade/book.ts";
import { MAX_MILLI_WH } from "../../quantity.ts";
import { parseDecimal } from "../decimal.ts";
import { parseInstant } from "../time.ts";
import type { V1Fulfillment, V1Item, V1TagGroup } from "./schema.ts";

const CURRENCY = /^([A-Z]{3})\/kWh$/;
const ITEM_ID = /^([\x21-\x22\x24-\x7e]{1,128})#0$/;

export function schemaError(why: string): ProtocolError {
  return new ProtocolError("SCHEMA_INVALID", why, { data: { beckn: "SCH_SCHEMA_VALIDATION_FAILED" } });
}

/** @throws SCHEMA_INVALID when it is not there. */
export function required<T>(value: T | undefined, where: string): T {
  if (value !== undefined) return value;
  throw new ProtocolError("SCHEMA_INVALID", `${where} is missing`, {
    data: { beckn: "SCH_REQUIRED_FIELD_MISSING" },
  });
}

/** The value of the tag of this code, in any group. */
export function tagValue(groups: readonly V1TagGroup[] | undefined, code: string): string | undefined {
  for (const group of groups ?? []) {
    for (const tag of group.list ?? []) if (tag.descriptor?.code === code) return tag.value;
  }
  return undefined;
}

/** kWh → mWh. @throws SCHEMA_INVALID, AMOUNT_INVALID. */
export function quantityOf(
  quantity: { readonly measure: { readonly value: string; readonly unit: string } } | undefined,
  where: string,
): number {
  const { value, unit } = required(quantity, where).measure;
  if (unit !== "kWh") throw schemaError(`${where}: unit "${unit.slice(0, 20)}"`);
  const milliWh = parseDecimal(value);
  if (milliWh <= 0 || milliWh > MAX_MILLI_WH)
    throw new ProtocolError("AMOUNT_INVALID", `${where}: ${value} kWh`);
  return milliWh;
}

/** `USD/kWh` → `USD`. @throws SCHEMA_INVALID. */
export function currencyPerKWh(text: string | undefined): string {
  const [, currency] = CURRENCY.exec(text ?? "") ?? [];
  return required(currency, "price.currency as XXX/kWh");
}

/** The offer behind an item's id. @throws SCHEMA_INVALID. */
export function offerIdOf(item: V1Item): string {
  const [, offerId] = ITEM_ID.exec(item.id ?? "") ?? [];
  return required(offerId, "item.id as <offer>#0");
}

/** @throws SLOT_INVALID when a stop's window is not the slot, SCHEMA_INVALID without a stop. */
export function checkWindow(fulfillment: V1Fulfillment | undefined, slot: Slot): void {
  const stops = required(fulfillment?.stops, "fulfillment.stops");
  if (stops.length === 0) throw schemaError("fulfillment.stops is empty");
  for (const stop of stops) {
    const range = required(stop.time?.range, "stop.time.range");
    const matches =
      parseInstant(range.start) === slot.startS * 1000 &&
      parseInstant(range.end) === (slot.startS + slot.durationS) * 1000;
    if (!matches)
      throw new ProtocolError("SLOT_INVALID", `window ${range.start} … ${range.end} is not the slot`);
  }
}
