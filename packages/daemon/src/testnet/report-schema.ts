/** The shape of a testnet's report: what `--json` prints. Integers end in their unit; absent values are null. */

import { z } from "zod";

const count = z.int().min(0);
const milliWh = z.int();
const micro = z.int();
const percent = z.number().nullable();
const quantiles = z.strictObject({ p50: z.number().nullable(), p99: z.number().nullable() });

const finding = z.strictObject({
  code: z.string(),
  severity: z.enum(["info", "warning", "critical"]),
  text: z.string(),
  fix: z.string(),
  sinceMs: z.int(),
  node: z.string(),
});

export const reportSchema = z.strictObject({
  schemaVersion: z.literal(1),
  type: z.literal("report"),
  ok: z.boolean(),
  failures: z.array(z.strictObject({ code: z.string(), text: z.string(), node: z.string().optional() })),
  interrupted: z.boolean(),
  version: z.string(),
  nodeVersion: z.string(),
  network: z.string(),
  preset: z.string(),
  seed: count,
  startedAtMs: count,
  wallMs: count,
  marketSeconds: count,
  data: z.strictObject({ source: z.string(), day: z.string().nullable() }),
  cycles: z.strictObject({ planned: count.nullable(), done: count, late: count }),
  processes: z.strictObject({
    planned: count,
    ready: count,
    crashed: count,
    killed: count,
    restarted: count,
    readyMs: count.nullable(),
    stopMs: count.nullable(),
    peakRssBytes: count,
  }),
  nodes: z.array(
    z.strictObject({
      name: z.string(),
      role: z.string(),
      pid: count.nullable(),
      peerId: z.string().nullable(),
      agents: z.array(z.string()),
      peers: count.nullable(),
      rssBytes: count.nullable(),
      state: z.enum(["stopped", "killed", "crashed", "never_started"]),
    }),
  ),
  mesh: z.strictObject({
    minPeers: count.nullable(),
    published: count,
    delivered: count,
    expected: count,
    searchToFirstOfferMs: quantiles,
    searchToConfirmMs: quantiles,
  }),
  trades: z.strictObject({
    searches: count,
    offers: count,
    confirmed: count,
    rejected: count,
    expired: count,
    open: count,
    witnessed: count,
    lost: count,
    twice: count,
  }),
  energy: z.strictObject({
    tradedMilliWh: milliWh,
    fromHouseholdsMilliWh: milliWh,
    fromUtilityMilliWh: milliWh,
    fedInMilliWh: milliWh,
    conservationErrorMilliWh: milliWh,
  }),
  money: z.strictObject({
    currency: z.string(),
    volumeMicro: micro,
    averagePriceMicroPerKWh: micro.nullable(),
    conservationErrorMicro: micro,
  }),
  savings: z.strictObject({
    baseline: z.literal("same-assets-utility-only"),
    baselineMicro: micro,
    actualMicro: micro,
    savedMicro: micro,
    savedPercent: percent,
  }),
  kpi: z.strictObject({ selfSufficiencyPercent: percent, selfConsumptionPercent: percent }),
  households: z.array(
    z.strictObject({
      agent: z.string(),
      address: z.string().nullable(),
      socStartPercent: percent,
      socEndPercent: percent,
      boughtMilliWh: milliWh,
      soldMilliWh: milliWh,
      paidMicro: micro,
      receivedMicro: micro,
      savedMicro: micro,
    }),
  ),
  collections: z.strictObject({ runs: count, asked: count, answered: count }),
  reports: count,
  ledgers: z.strictObject({
    agree: z.boolean(),
    audited: count,
    pairs: count,
    entries: count,
    differences: z.array(
      z.strictObject({ a: z.string(), b: z.string(), transactionId: z.string(), what: z.string() }),
    ),
  }),
  findings: z.array(finding),
  files: z.strictObject({ report: z.string(), run: z.string().nullable() }),
  dashboardUrl: z.string().nullable(),
});

export type TestnetReport = z.output<typeof reportSchema>;
