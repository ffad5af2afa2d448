import { z } from "zod";

const AREA = /^[a-z0-9-]{1,32}(?:\.[a-z0-9-]{1,32})*$/;

/** Options of the `household` factory; whole Wh, W, permille, micro-currency. */
export const householdOptions = z.strictObject({
  area: z.string().regex(AREA).max(64).default("neighbourhood"),
  /** threshold: by state of charge; surplus: trade what the hour leaves over or lacks. */
  strategy: z.enum(["threshold", "surplus"]).default("threshold"),
  /** instant: delivered when accepted; slot: metered over the slot. */
  delivery: z.enum(["instant", "slot"]).default("instant"),
  /** rate: a fixed change per cycle; series: homes of `data`; generator: homes of `seed`. */
  model: z.enum(["rate", "series", "generator"]).default("rate"),
  /** Market ms of a cycle, which is also the slot; whole seconds that divide a day. */
  cycleMs: z.int().min(1_000).max(86_400_000).default(20_000),
  capacityWh: z.int().min(0).max(1_000_000).default(15_000),
  stateOfChargePercent: z.int().min(0).max(100).default(50),
  reservePermille: z.int().min(0).max(1_000).default(200),
  maxW: z.int().min(0).max(1_000_000).default(5_000),
  etaPpm: z.int().min(1).max(1_000_000).default(948_700),
  buyBelowPermille: z.int().min(0).max(1_000).default(300),
  sellAbovePermille: z.int().min(0).max(1_000).default(700),
  lotWh: z.int().min(1).max(1_000_000).default(10_000),
  minTradeWh: z.int().min(0).max(1_000_000).default(100),
  askMicroPerKWh: z.int().min(0).max(1_000_000_000).default(150_000),
  maxBuyMicroPerKWh: z.int().min(0).max(1_000_000_000).default(300_000),
  openingMicro: z.int().min(0).max(9_000_000_000_000_000).default(100_000_000),
  currency: z.string().min(1).max(8).default("USD"),
  /** After a sale no purchase, after a purchase no sale, for so many cycles. */
  coolingCycles: z.int().min(0).max(100_000).default(15),
  /** model rate: Wh per cycle, negative = consumes; default by the start value: +20 above 50 %, else −30. */
  rateWhPerCycle: z.int().min(-1_000_000).max(1_000_000).optional(),
  /** model series: folder of the data set. */
  data: z.string().min(1).optional(),
  /** model generator: its seed. */
  seed: z.int().min(0).max(4_294_967_295).default(1),
  /** Column of the series or stream of the generator. */
  home: z.int().min(1).max(10_000).default(1),
  /** Market day on which the first slot begins. */
  day: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/)
    .default("2017-07-12"),
  /** Scales the home's PV to this nameplate; 0: none. */
  pvW: z.int().min(0).max(1_000_000).optional(),
  /** Revision of Beckn to search in first; default the node's preferred one. */
  becknProfile: z.enum(["beckn/1", "beckn/2"]).optional(),
  searchWindowMs: z.int().min(50).max(60_000).default(3_000),
  /** Orders for a slot are taken until this share of it. */
  gatePermille: z.int().min(1).max(1_000).default(800),
  /** Purchases begin at this share of the slot, so that sellers have made their offers. */
  buyAfterPermille: z.int().min(0).max(1_000).default(50),
  /** Whether any peer may read this agent's book (laboratories and shared reports). */
  openLedger: z.boolean().default(false),
});

export type HouseholdOptions = z.output<typeof householdOptions>;

/** A slot of the household's own cycle length, by its start in market ms. */
export function slotStarting(options: Pick<HouseholdOptions, "area" | "cycleMs">, startMs: number) {
  return { area: options.area, startS: Math.floor(startMs / 1_000), durationS: options.cycleMs / 1_000 };
}

/** End of orders for a slot that begins at `startMs`, market ms. */
export function gateMs(options: Pick<HouseholdOptions, "cycleMs" | "gatePermille">, startMs: number): number {
  return startMs + Math.floor((options.cycleMs * options.gatePermille) / 1_000);
}
