/** What is wrong with a node and the line that ends it: one closed table, one row per code. */

import type { Clock } from "./clock.ts";

export type Severity = "info" | "warning" | "critical";

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** What is seen. */
  readonly text: string;
  /** What ends it. */
  readonly fix: string;
  /** Wall ms since the epoch. */
  readonly sinceMs: number;
}

interface FindingEntry {
  readonly severity: Severity;
  readonly fix: string;
}

export const findingTable = {
  NO_PEERS: {
    severity: "warning",
    fix: "name a running peer in discovery.bootstrap, or turn discovery.mdns on",
  },
  FEW_PEERS: { severity: "info", fix: "add bootstrap peers, or wait for more nodes to come" },
  BOOTSTRAP_UNREACHABLE: {
    severity: "warning",
    fix: "start the bootstrap node, or correct its address in discovery.bootstrap",
  },
  MESH_EMPTY: { severity: "warning", fix: "let another node join this network, or check its name" },
  DHT_EMPTY: { severity: "info", fix: "set discovery.dhtMode to server on nodes others can reach" },
  NETWORK_SPLIT: { severity: "warning", fix: "give all nodes the same network name" },
  CLOCK_SKEWED: { severity: "warning", fix: "synchronise this machine's clock (NTP)" },
  STORE_FAILED: { severity: "critical", fix: "make room on the disk or repair it, then start again" },
  JOURNAL_DAMAGED: {
    severity: "critical",
    fix: "restore the journal from a copy; the ledger is not to be trusted",
  },
  TRADE_IN_DOUBT: {
    severity: "warning",
    fix: "bring the counterparty back; its answer alone decides the order",
  },
  AGENT_FAILED: { severity: "warning", fix: "read the agent's reason, repair it, then add it again" },
} as const satisfies Readonly<Record<string, FindingEntry>>;

export type FindingCode = keyof typeof findingTable;

/** One observation: the code with what was seen, and a severity where it differs from the table's. */
export interface Observation {
  readonly code: FindingCode;
  readonly text: string;
  readonly severity?: Severity;
}

export interface Findings {
  /** Critical first. */
  list(): readonly Finding[];
}

const RANK: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };

/** Keeps since when each finding holds; `observe` is asked at every `list`. */
export function createFindings(clock: Clock, observe: () => readonly Observation[]): Findings {
  const since = new Map<FindingCode, number>();
  return {
    list() {
      const seen = observe();
      const codes = new Set(seen.map((observation) => observation.code));
      for (const code of since.keys()) if (!codes.has(code)) since.delete(code);
      return seen
        .map((observation): Finding => {
          const { code, text } = observation;
          const sinceMs = since.get(code) ?? clock.nowMs();
          since.set(code, sinceMs);
          const entry = findingTable[code];
          return { code, text, sinceMs, fix: entry.fix, severity: observation.severity ?? entry.severity };
        })
        .sort((one, other) => RANK[one.severity] - RANK[other.severity]);
    },
  };
}
