/** A need in words: the intent of revision 2 is closed, so what is wanted stands in its text search. */

import { ProtocolError } from "../../errors.ts";
import { formatDecimal, parseDecimal } from "../decimal.ts";
import { becknSources } from "../model.ts";
import type { BecknOpenIntent } from "../open.ts";
import { present } from "../present.ts";
import { type BecknReading, bodyInstant, milliWhOf } from "../reading.ts";
import { formatInstant } from "../time.ts";

const WORD = /(need|from|to|max|source|area|about)=(\S+)(?: ([A-Z]{3})\/kWh)?/g;
const MAX_WORDS = 1_024;

/** `energy need=10kWh from=… to=… max=0.25 USD/kWh source=SOLAR area=…`; or a partner's own words. */
export function needText(intent: BecknOpenIntent): string {
  const { window, needMilliWh, maxPriceMicroPerKWh, currency, source, area, words } = intent;
  if (words !== undefined && Object.keys(intent).length === 1) return words;
  const said = [
    "energy",
    needMilliWh === undefined ? "" : `need=${formatDecimal(needMilliWh)}kWh`,
    window === undefined ? "" : `from=${formatInstant(window.startMs)}`,
    window === undefined ? "" : `to=${formatInstant(window.startMs + window.durationMs)}`,
    maxPriceMicroPerKWh === undefined || currency === undefined
      ? ""
      : `max=${formatDecimal(maxPriceMicroPerKWh)} ${currency}/kWh`,
    source === undefined ? "" : `source=${source}`,
    area === undefined ? "" : `area=${area}`,
    words === undefined ? "" : `about=${encodeURIComponent(words)}`,
  ];
  return said.filter((word) => word !== "").join(" ");
}

/** What the text asks for; text that is not ours is kept as words. @throws AMOUNT_INVALID, SCHEMA_INVALID, SLOT_INVALID. */
export function readNeed(text: string, reading: BecknReading): BecknOpenIntent {
  if (!/^energy(?: |$)/.test(text)) return { words: text.slice(0, MAX_WORDS) };
  const said = new Map<string, Word>();
  for (const [, key = "", value = "", currency] of text.slice(0, MAX_WORDS).matchAll(WORD)) {
    said.set(key, { value, currency });
  }
  return present({
    ...amountsOf(said.get("need")?.value, said.get("max")),
    window: windowOf(said.get("from")?.value, said.get("to")?.value, reading),
    source: becknSources.find((known) => known === said.get("source")?.value),
    area: said.get("area")?.value,
    words: spoken(said.get("about")?.value),
  });
}

interface Word {
  readonly value: string;
  readonly currency?: string | undefined;
}

function amountsOf(need: string | undefined, max: Word | undefined) {
  return {
    needMilliWh: need === undefined ? undefined : milliWhOf(need.replace(/kWh$/i, ""), "need"),
    maxPriceMicroPerKWh: max === undefined ? undefined : parseDecimal(max.value),
    currency: max?.currency,
  };
}

function spoken(encoded: string | undefined): string | undefined {
  try {
    return encoded === undefined ? undefined : decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

function windowOf(from: string | undefined, to: string | undefined, reading: BecknReading) {
  if (from === undefined || to === undefined) return undefined;
  const startMs = bodyInstant(from, reading);
  const durationMs = bodyInstant(to, reading) - startMs;
  if (durationMs <= 0) throw new ProtocolError("SLOT_INVALID", `from ${from} to ${to} is no time`);
  return { startMs, durationMs };
}
