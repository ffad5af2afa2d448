/** Everything a report needs, as a run leaves it. */

import { auditBooks, type AuditResult, ledgerTotals, type LedgerTotals } from "@gridmesh/energy";
import type { FindingView } from "../control/types.ts";
import type { Failure } from "./failures.ts";
import type { Fleet } from "./fleet.ts";
import type { Observer } from "./observe.ts";
import type { PlannedDaemon, TestnetPlan } from "./plan.ts";
import type { Testimony } from "./witness.ts";

/** Collections of the utility: how often, and whom the last one asked. */
export interface Collections {
  readonly runs: number;
  readonly asked: number;
  readonly answered: number;
  readonly lastAsked: number;
  readonly lastAnswered: number;
}

/** Mutable while the run goes on; each phase fills in its part. */
export interface RunFigures {
  readonly startedAtMs: number;
  readonly plan: TestnetPlan;
  readonly daemons: readonly PlannedDaemon[];
  readonly seed: number;
  readonly failures: Failure[];
  interrupted: boolean;
  fleet: Fleet | undefined;
  observer: Observer | undefined;
  ready: number;
  readyMs: number | null;
  stopMs: number | null;
  minPeers: number | null;
  plannedCycles: number | null;
  /** Market ms per wall ms; less than planned where the machine is crowded. */
  speed: number;
  cyclesDone: number;
  cyclesLate: number;
  killed: number;
  restarted: number;
  readonly crashed: Set<string>;
  socStart: ReadonlyMap<string, number | null>;
  socEnd: ReadonlyMap<string, number | null>;
  openTrades: number;
  collections: Collections;
  reports: number;
  /** What the reporter agent says. */
  reporterTotals: unknown;
  /** Of no books until the audit. */
  totals: LedgerTotals;
  testimony: Testimony;
  audit: AuditResult;
  readonly firstOfferMs: number[];
  readonly confirmMs: number[];
  readonly findings: (FindingView & { readonly node: string })[];
}

export function newFigures(
  run: Pick<RunFigures, "startedAtMs" | "plan" | "daemons" | "seed" | "plannedCycles">,
): RunFigures {
  return {
    ...run,
    failures: [],
    interrupted: false,
    fleet: undefined,
    observer: undefined,
    ready: 0,
    readyMs: null,
    stopMs: null,
    minPeers: null,
    speed: run.plan.speed,
    cyclesDone: 0,
    cyclesLate: 0,
    killed: 0,
    restarted: 0,
    crashed: new Set(),
    socStart: new Map(),
    socEnd: new Map(),
    openTrades: 0,
    collections: { runs: 0, asked: 0, answered: 0, lastAsked: 0, lastAnswered: 0 },
    reports: 0,
    reporterTotals: undefined,
    totals: ledgerTotals([], { operators: new Set(), tariff: run.plan.tariff }),
    audit: auditBooks([]),
    testimony: { witnessed: 0, lost: [], twice: [] },
    firstOfferMs: [],
    confirmMs: [],
    findings: [],
  };
}
