/** The running daemon's side of an examination: every finding under its code, and what is well by subject. */

import type { FindingCode, MetricFamily } from "@gridmesh/node";
import { isProtocolError } from "@gridmesh/protocol";
import type { FindingView } from "./control/types.ts";
import type { Check, CheckGroup, Examination } from "./doctor.ts";

type Figures = ReadonlyMap<string, number>;

interface Subject {
  readonly name: string;
  readonly group: CheckGroup;
  readonly codes: readonly FindingCode[];
  /** What is told when none of the codes holds. */
  readonly well: (figures: Figures) => string;
}

const subjects: readonly Subject[] = [
  {
    name: "peers",
    group: "network",
    codes: ["NO_PEERS", "FEW_PEERS", "BOOTSTRAP_UNREACHABLE", "NETWORK_SPLIT", "LINK_FLAPPING"],
    well: (of) => `${of.get("links") ?? 0} linked, all of this network`,
  },
  {
    name: "dials",
    group: "network",
    codes: ["DIALS_THROTTLED"],
    well: () => "none turned away or cut off in the last minute",
  },
  {
    name: "gossip",
    group: "network",
    codes: ["MESH_EMPTY", "COLOCATION_SCORED"],
    well: (of) => `${of.get("mesh_peers") ?? 0} mesh peers over all topics`,
  },
  {
    name: "dht",
    group: "network",
    codes: ["DHT_EMPTY"],
    well: (of) => `${of.get("dht_table_peers") ?? 0} peers in its table`,
  },
  {
    name: "multicast",
    group: "network",
    codes: ["MDNS_SILENT"],
    well: () => "off, or own queries are heard",
  },
  {
    name: "streams",
    group: "network",
    codes: ["STREAMS_RESET"],
    well: (of) => `${of.get("streams_open") ?? 0} open, none ended by a limit in the last 5 minutes`,
  },
  {
    name: "reach",
    group: "network",
    codes: ["NOT_REACHABLE", "ADDRESS_PRIVATE_ONLY", "RELAY_LIMITED", "PNET_MIXED_TRANSPORT"],
    well: () => "nothing seen that keeps others from dialling this node",
  },
  {
    name: "keys",
    group: "network",
    codes: ["KEY_SUCCESSION", "KEY_UNPROTECTED"],
    well: () => "no succession is disputed",
  },
  {
    name: "control",
    group: "network",
    codes: ["CONTROL_EXPOSED"],
    well: () => "asked from this machine alone",
  },
  {
    name: "clock",
    group: "node",
    codes: ["CLOCK_SKEWED"],
    well: (of) => {
      const offset = of.get("clock_offset_seconds");
      return offset === undefined
        ? "fewer than three peers to compare it with"
        : `${offset.toFixed(1)} s off its peers`;
    },
  },
  {
    name: "load",
    group: "node",
    codes: ["EVENT_LOOP_SLOW", "MEMORY_HIGH", "FD_LOW", "DISK_LOW"],
    well: () => "loop, memory, files and disk have room",
  },
  {
    name: "books",
    group: "work",
    codes: ["STORE_FAILED", "JOURNAL_DAMAGED", "LEDGER_DISAGREES", "TRADE_IN_DOUBT"],
    well: (of) => `${of.get("orders_open") ?? 0} orders open, none in doubt`,
  },
  {
    name: "agents",
    group: "work",
    codes: ["AGENT_FAILED"],
    well: (of) => `${of.get("agents") ?? 0} hosted, none failed`,
  },
];

export async function checkNode({ daemon, wait }: Examination): Promise<Check[]> {
  try {
    const node = await daemon.node(wait);
    const findings = await daemon.findings(wait);
    const figures = sums(await daemon.metricFamilies(wait));
    const text = `${node.state}, pid ${node.pid}, ${node.peerId}`;
    return [
      { group: "node", name: "daemon", state: "ok", text },
      ...subjects.flatMap((subject) => checksOf(subject, findings, figures)),
    ];
  } catch (error) {
    if (!isProtocolError(error) || error.code !== "NOT_RUNNING") throw error;
    return [{ group: "node", name: "daemon", state: "note", text: "not running", fix: "gridmesh start" }];
  }
}

function checksOf(subject: Subject, findings: readonly FindingView[], figures: Figures): Check[] {
  const { name, group, codes } = subject;
  const held = findings.filter(({ code }) => (codes as readonly string[]).includes(code));
  if (held.length === 0) return [{ group, name, state: "ok", text: subject.well(figures) }];
  return held.map(({ code, severity, text, fix }) => {
    return { group, name: code, state: severity === "info" ? "note" : "failed", text, fix };
  });
}

/** Every metric by name, its labels added up. */
function sums(families: readonly MetricFamily[]): Figures {
  return new Map(
    families
      .filter(({ samples }) => samples.length > 0)
      .map(({ name, samples }) => [name, samples.reduce((sum, { value }) => sum + value, 0)]),
  );
}

/** Every code that a subject claims; each finding belongs to one. */
export const examinedCodes: readonly FindingCode[] = subjects.flatMap(({ codes }) => codes);
