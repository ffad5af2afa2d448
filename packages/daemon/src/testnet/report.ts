/** From the figures of a run to its report. */

import { version } from "../version.ts";
import type { Child } from "./child.ts";
import type { RunFigures } from "./figures.ts";
import type { TestnetReport } from "./report-schema.ts";

export function makeReport(
  figures: RunFigures,
  files: { readonly report: string; readonly run: string | null },
): TestnetReport {
  const { plan, fleet, totals, audit, observer } = figures;
  return {
    schemaVersion: 1,
    type: "report",
    ok: figures.failures.length === 0 && !figures.interrupted,
    failures: figures.failures.map((failure) => ({ ...failure })),
    interrupted: figures.interrupted,
    version: version(),
    nodeVersion: process.versions.node,
    network: fleet?.network ?? "",
    preset: plan.preset,
    seed: figures.seed,
    startedAtMs: figures.startedAtMs,
    wallMs: Date.now() - figures.startedAtMs,
    marketSeconds: (figures.cyclesDone * plan.cycleMs) / 1_000,
    data: plan.data,
    cycles: { planned: figures.plannedCycles, done: figures.cyclesDone, late: figures.cyclesLate },
    processes: processes(figures),
    nodes: (fleet?.children ?? []).map((child) => nodeRow(figures, child)),
    mesh: mesh(figures),
    trades: {
      searches: observer?.counters.total("searchesPublished") ?? 0,
      offers: observer?.counters.total("offersReceived") ?? 0,
      confirmed: totals.confirmed,
      rejected: totals.rejected,
      expired: totals.expired,
      open: figures.openTrades,
      witnessed: figures.testimony.witnessed,
      lost: figures.testimony.lost.length,
      twice: figures.testimony.twice.length,
    },
    ...amounts(figures),
    households: households(figures),
    collections: {
      runs: figures.collections.runs,
      asked: figures.collections.asked,
      answered: figures.collections.answered,
    },
    reports: figures.reports,
    ledgers: {
      agree: audit.agree && audit.audited > 0,
      audited: audit.audited,
      pairs: audit.pairs,
      entries: audit.entries,
      differences: audit.differences.map((difference) => ({ ...difference })),
    },
    findings: figures.findings.map((finding) => ({ ...finding })),
    files: { ...files },
    dashboardUrl: null,
  };
}

function processes(figures: RunFigures): TestnetReport["processes"] {
  return {
    planned: figures.daemons.length,
    ready: figures.ready,
    crashed: figures.crashed.size,
    killed: figures.killed,
    restarted: figures.restarted,
    readyMs: figures.readyMs,
    stopMs: figures.stopMs,
    peakRssBytes: figures.observer?.peakRssBytes ?? 0,
  };
}

function nodeRow(figures: RunFigures, child: Child): TestnetReport["nodes"][number] {
  const late = figures.failures.some(
    (failure) => failure.code === "STOP_LATE" && failure.node === child.name,
  );
  const ended = figures.crashed.has(child.name) ? "crashed" : late ? "killed" : "stopped";
  return {
    name: child.name,
    role: child.planned.role,
    pid: child.pid,
    peerId: child.peerId,
    agents: child.planned.agents.map((agent) => agent.name),
    peers: figures.observer?.peers.get(child) ?? null,
    rssBytes: figures.observer?.rss.get(child) ?? null,
    state: child.pid === null ? "never_started" : ended,
  };
}

function mesh(figures: RunFigures): TestnetReport["mesh"] {
  const counters = figures.observer?.counters;
  const published = counters?.total("searchesPublished") ?? 0;
  return {
    minPeers: figures.minPeers,
    published,
    delivered: counters?.total("searchesHeard") ?? 0,
    expected: published * Math.max(0, figures.daemons.length - 1),
    searchToFirstOfferMs: quantiles(figures.firstOfferMs),
    searchToConfirmMs: quantiles(figures.confirmMs),
  };
}

const NO_RATIOS = { selfSufficiencyPercent: null, selfConsumptionPercent: null };

function amounts(figures: RunFigures): Pick<TestnetReport, "energy" | "money" | "savings" | "kpi"> {
  const { totals, audit, plan } = figures;
  const { baselineMicro, actualMicro, savedMicro, savedPercent } = totals.saving;
  // Without a day of data the homes live off what their batteries opened with, which no ratio of a day describes.
  const { selfSufficiencyPercent, selfConsumptionPercent } = plan.data.day === null ? NO_RATIOS : totals.kpi;
  return {
    energy: {
      tradedMilliWh: totals.tradedMilliWh,
      fromHouseholdsMilliWh: totals.fromHouseholdsMilliWh,
      fromUtilityMilliWh: totals.fromUtilityMilliWh,
      fedInMilliWh: totals.fedInMilliWh,
      conservationErrorMilliWh: audit.conservationErrorMilliWh,
    },
    money: {
      currency: plan.currency,
      volumeMicro: totals.volumeMicro,
      averagePriceMicroPerKWh: totals.averagePriceMicroPerKWh,
      conservationErrorMicro: audit.conservationErrorMicro,
    },
    savings: { baseline: "same-assets-utility-only", baselineMicro, actualMicro, savedMicro, savedPercent },
    kpi: { selfSufficiencyPercent, selfConsumptionPercent },
  };
}

function households(figures: RunFigures): TestnetReport["households"] {
  return figures.totals.households.map((home) => {
    const node = figures.fleet?.agents.find((agent) => agent.name === home.agent)?.child.peerId;
    return {
      agent: home.agent,
      address: node === undefined || node === null ? null : `${node}:${home.agent}`,
      socStartPercent: figures.socStart.get(home.agent) ?? null,
      socEndPercent: figures.socEnd.get(home.agent) ?? null,
      boughtMilliWh: home.boughtMilliWh,
      soldMilliWh: home.soldMilliWh,
      paidMicro: home.paidMicro,
      receivedMicro: home.receivedMicro,
      savedMicro: home.saving.savedMicro,
    };
  });
}

/** Nearest rank, one decimal; null of nothing. */
export function quantiles(values: readonly number[]): {
  readonly p50: number | null;
  readonly p99: number | null;
} {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => {
    const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
    return value === undefined ? null : Math.round(value * 10) / 10;
  };
  return { p50: at(0.5), p99: at(0.99) };
}
