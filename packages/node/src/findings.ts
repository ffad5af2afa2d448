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

export interface FindingEntry {
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
  DIALS_THROTTLED: {
    severity: "warning",
    fix: "on the refusing node raise limits.inboundPerIp or name the dialler's range in peers.trusted",
  },
  COLOCATION_SCORED: {
    severity: "warning",
    fix: "use profile lan or testnet where many nodes share an address",
  },
  MESH_EMPTY: { severity: "warning", fix: "let another node join this network, or check its name" },
  DHT_EMPTY: { severity: "info", fix: 'set discovery.dhtMode = "server" on nodes others can reach' },
  MDNS_SILENT: {
    severity: "warning",
    fix: "ip route add 224.0.0.0/4 dev <interface>, or name peers in discovery.bootstrap",
  },
  STREAMS_RESET: {
    severity: "warning",
    fix: "open fewer streams at once or read them faster; docs/LIMITS.md has the bounds",
  },
  PNET_MIXED_TRANSPORT: {
    severity: "critical",
    fix: "turn reach.quic and reach.webrtc off, or leave reach.pskFile out",
  },
  NOT_REACHABLE: {
    severity: "warning",
    fix: "open the listening port in the router, or name a bootstrap node that serves as a relay",
  },
  NETWORK_SPLIT: { severity: "warning", fix: "give all nodes the same network name" },
  RELAY_LIMITED: {
    severity: "warning",
    fix: 'make the node reachable directly, or let the relay run gridmesh with reach.relay = "serve"',
  },
  LINK_FLAPPING: {
    severity: "warning",
    fix: "look at that node's log and at the line between: it is up, but does not stay",
  },
  ADDRESS_PRIVATE_ONLY: {
    severity: "warning",
    fix: "name a public address in announce, or use profile lan",
  },
  KEY_SUCCESSION: {
    severity: "critical",
    fix: "ask the owner by another way which key is theirs; neither is followed until then",
  },
  CLOCK_SKEWED: { severity: "warning", fix: "synchronise this machine's clock (NTP)" },
  EVENT_LOOP_SLOW: { severity: "warning", fix: "give the node more CPU, or move agents to another node" },
  MEMORY_HIGH: { severity: "warning", fix: "give the process more memory, or move agents to another node" },
  FD_LOW: { severity: "warning", fix: "ulimit -n 4096 before the start" },
  DISK_LOW: { severity: "warning", fix: "make room on the disk of the home folder" },
  STORE_FAILED: { severity: "critical", fix: "make room on the disk or repair it, then start again" },
  JOURNAL_DAMAGED: {
    severity: "critical",
    fix: "restore the journal from a copy; the ledger is not to be trusted",
  },
  TRADE_IN_DOUBT: {
    severity: "warning",
    fix: "bring the counterparty back; its answer alone decides the order",
  },
  LEDGER_DISAGREES: {
    severity: "critical",
    fix: "compare the signed documents of the order that is named, on both sides",
  },
  AGENT_FAILED: { severity: "warning", fix: "read the agent's reason, repair it, then add it again" },
  CONTROL_EXPOSED: {
    severity: "warning",
    fix: "listen on 127.0.0.1, or see that only the proxy in front reaches the port: control.listen",
  },
  KEY_UNPROTECTED: { severity: "info", fix: "gridmesh stop, then gridmesh id passphrase set" },
} as const satisfies Readonly<Record<string, FindingEntry>>;

export type FindingCode = keyof typeof findingTable;

/** One observation: the code with what was seen, and severity and fix where they differ from the table's. */
export interface Observation {
  readonly code: FindingCode;
  readonly text: string;
  readonly severity?: Severity;
  readonly fix?: string;
}

export interface Findings {
  /** Critical first. */
  list(): readonly Finding[];
}

/** A finding that was not there at the last look, or is there no more. */
export interface FindingChange {
  readonly finding: Finding;
  readonly raised: boolean;
}

export interface FindingsOptions {
  readonly clock: Clock;
  /** Asked at every `list`. */
  readonly observe: () => readonly Observation[];
  readonly onChange?: ((change: FindingChange) => void) | undefined;
}

const RANK: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };

/** Keeps since when each finding holds, and tells once per episode when one comes or goes. */
export function createFindings({ clock, observe, onChange }: FindingsOptions): Findings {
  let before = new Map<FindingCode, Finding>();
  return {
    list() {
      const nowMs = clock.nowMs();
      const now = new Map<FindingCode, Finding>();
      for (const seen of observe()) {
        const { code, text } = seen;
        const entry = findingTable[code];
        const sinceMs = before.get(code)?.sinceMs ?? nowMs;
        const { severity = entry.severity, fix = entry.fix } = seen;
        now.set(code, { code, severity, text, fix, sinceMs });
      }
      const last = before;
      before = now;
      for (const [code, finding] of now) if (!last.has(code)) onChange?.({ finding, raised: true });
      for (const [code, finding] of last) if (!now.has(code)) onChange?.({ finding, raised: false });
      return [...now.values()].toSorted((one, other) => RANK[one.severity] - RANK[other.severity]);
    },
  };
}
