/** The arithmetic that must hold in a quote, and titles partners put into words. */

import { ProtocolError } from "../errors.ts";
import { amountMicro } from "../quantity.ts";
import { type BecknOrder, type BecknQuote, type QuoteTitle, quoteTitles } from "./model.ts";
import type { BecknOpenOrder } from "./open.ts";
import { type BecknReading, schemaError } from "./reading.ts";

/** How long a quote is firm that does not say so, ms. */
export const QUOTE_VALID_MS = 60_000;

/**
 * What must hold in any order, and the arithmetic of one that says all that binds.
 * @throws AMOUNT_INVALID, SCHEMA_INVALID when energy would go from a meter to itself.
 */
export function checkOrder(open: BecknOpenOrder, order: BecknOrder | undefined): void {
  const { quote, sellerMeter, buyerMeter, intervals } = open;
  if (quote) checkTotal(quote);
  if (order?.quote) checkEnergy(order.quote, intervals);
  if (!sellerMeter || sellerMeter.meterId !== buyerMeter?.meterId) return;
  if (sellerMeter.utility === buyerMeter.utility) throw schemaError("the buyer's meter is the seller's");
}

/** The total is the sum of the lines. @throws AMOUNT_INVALID. */
function checkTotal(quote: BecknQuote): void {
  const sum = quote.lines.reduce((total, line) => total + line.amountMicro, 0);
  if (sum !== quote.totalMicro)
    throw new ProtocolError("AMOUNT_INVALID", "the total is not the sum of its parts");
}

/** The energy line is what the intervals cost, as ordered or as delivered. @throws AMOUNT_INVALID. */
function checkEnergy(quote: BecknQuote, intervals: BecknOpenOrder["intervals"]): void {
  const ordered = costOf(intervals, "quantityMilliWh");
  const delivered = costOf(intervals, "finalMilliWh");
  const energy = quote.lines.filter((line) => line.title === "ENERGY");
  const [line] = energy;
  if (energy.length === 1 && line && (line.amountMicro === ordered || line.amountMicro === delivered)) return;
  throw new ProtocolError("AMOUNT_INVALID", "the quote is not quantity × price and its parts");
}

function costOf(
  intervals: BecknOpenOrder["intervals"],
  quantity: "quantityMilliWh" | "finalMilliWh",
): number | undefined {
  let total = 0;
  for (const interval of intervals) {
    const { [quantity]: milliWh, priceMicroPerKWh } = interval;
    if (milliWh === undefined || priceMicroPerKWh === undefined) return undefined;
    total += amountMicro(milliWh, priceMicroPerKWh);
  }
  return total;
}

/** @throws SCHEMA_INVALID for a title that is none of ours, unless words are taken. */
export function quoteTitle(title: string, reading: BecknReading): QuoteTitle {
  const known = quoteTitles.find((one) => one === title);
  if (known) return known;
  if (reading === "strict") throw schemaError(`a quote of "${title.slice(0, 40)}"`);
  if (/energy/i.test(title)) return "ENERGY";
  return /wheel|grid|network/i.test(title) ? "WHEELING_CHARGE" : "PLATFORM_CHARGE";
}

/** The source behind words like "Rooftop Solar". */
export function spokenSource(words: string): "SOLAR" | "WIND" | "HYDRO" | "BATTERY" | undefined {
  if (/solar/i.test(words)) return "SOLAR";
  if (/wind/i.test(words)) return "WIND";
  if (/hydro/i.test(words)) return "HYDRO";
  return /batter|storage/i.test(words) ? "BATTERY" : undefined;
}
