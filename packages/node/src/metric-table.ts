/**
 * Every metric of a node: one closed table, held to docs/METRICS.md both ways. Label values are closed too, so that
 * no stranger's key or address can ever become a time series.
 */

import { type ErrorCode, errorTable } from "@gridmesh/protocol";
import { type FindingCode, findingTable } from "./findings.ts";

/** Where a value that is not in a label's list is counted. */
export const OTHER = "other";

export interface MetricEntry {
  readonly kind: "counter" | "gauge" | "histogram";
  /** What one of it is. */
  readonly unit: string;
  readonly help: string;
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  /** Upper bounds of a histogram's buckets, ascending, in the unit. */
  readonly buckets?: readonly number[];
}

const PROTOCOLS = ["control", "trade", "beckn", "rpc", "task", "data", "gossip"] as const;
const PURPOSES = ["search", "capability", "task-offer", "forecast", "grid", "market", OTHER] as const;
const DIRECTIONS = ["in", "out"] as const;
const FAST_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const SLOW_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const ERROR_CODES = Object.keys(errorTable) as readonly ErrorCode[];
const FINDING_CODES = Object.keys(findingTable) as readonly FindingCode[];

/** Names without the prefix `gridmesh_`, which every face of the program puts before them. */
export const metricTable = {
  build_info: {
    kind: "gauge",
    unit: "1",
    help: "Always 1; the label tells what runs.",
    labels: { version: [] },
  },
  uptime_seconds: { kind: "gauge", unit: "seconds", help: "Since the node began to start." },
  health_findings: {
    kind: "gauge",
    unit: "findings",
    help: "Findings that hold now; docs/HEALTH.md says what each means.",
    labels: { code: FINDING_CODES, severity: ["info", "warning", "critical"] },
  },
  messages_total: {
    kind: "counter",
    unit: "messages",
    help: "Signed messages: those sent, and those received by what was made of them.",
    labels: { protocol: PROTOCOLS, direction: DIRECTIONS, verdict: ["accept", "ignore", "reject"] },
  },
  message_bytes_total: {
    kind: "counter",
    unit: "bytes",
    help: "Bytes of signed messages, without frames.",
    labels: { protocol: PROTOCOLS, direction: DIRECTIONS },
  },
  errors_total: {
    kind: "counter",
    unit: "errors",
    help: "Errors met by messages and calls, by code of docs/ERRORS.md.",
    labels: { code: ERROR_CODES },
  },
  call_duration_seconds: {
    kind: "histogram",
    unit: "seconds",
    help: "Calls that ended, from the call to its answer or error.",
    labels: { route: ["local", "peer", "capability", "inbound"] },
    buckets: FAST_SECONDS,
  },
  rpc_lines_dropped_total: {
    kind: "counter",
    unit: "lines",
    help: "Lines of channels passed to nobody: answers that came too late, and what is no message.",
  },
  gossip_latency_seconds: {
    kind: "histogram",
    unit: "seconds",
    help: "Accepted gossip, from its signed second to here: coarse, and off by the clocks' difference.",
    labels: { purpose: PURPOSES },
    buckets: SLOW_SECONDS,
  },
  mesh_peers: {
    kind: "gauge",
    unit: "peers",
    help: "Peers in the gossip mesh of a purpose, its scopes added.",
    labels: { purpose: PURPOSES },
  },
  links: {
    kind: "gauge",
    unit: "links",
    help: "Peers linked now.",
    labels: { class: ["anchor", "partner", "neighbour"], direction: DIRECTIONS },
  },
  link_lost_total: {
    kind: "counter",
    unit: "links",
    help: "Links that went, by why.",
    labels: { reason: ["closed", "silent", "banned", "foreign", "parked", "pruned", "stopped", OTHER] },
  },
  reconnect_seconds: {
    kind: "histogram",
    unit: "seconds",
    help: "From the loss of a link to the next with the same peer.",
    buckets: SLOW_SECONDS,
  },
  dials_total: {
    kind: "counter",
    unit: "dials",
    help: "Dials by how they ended.",
    labels: {
      result: [
        "linked",
        "refused",
        "cut",
        "no-route",
        "timeout",
        "unknown-name",
        "own-address",
        "denied",
        "wrong-peer",
        "bad-address",
        OTHER,
      ],
    },
  },
  inbound_refused_total: {
    kind: "counter",
    unit: "connections and streams",
    help: "Turned away by our own limits, by rule; docs/LIMITS.md has them.",
    labels: {
      rule: [
        "links",
        "inbound-links",
        "pending",
        "pending-per-ip",
        "rate-per-ip",
        "links-per-ip",
        "links-per-subnet",
        "banned-peer",
        "banned-ip",
        "streams",
        OTHER,
      ],
    },
  },
  streams_open: {
    kind: "gauge",
    unit: "streams",
    help: "Streams open now, both directions.",
    labels: { protocol: [...PROTOCOLS, OTHER] },
  },
  stream_resets_total: {
    kind: "counter",
    unit: "streams",
    help: "Streams that ended by a reset instead of an end.",
    labels: {
      reason: [
        "too-many-streams",
        "overloaded",
        "queue-full",
        "frame-too-large",
        "stream-reset",
        "remote",
        OTHER,
      ],
    },
  },
  stream_unread_bytes: { kind: "gauge", unit: "bytes", help: "Received on streams and not read yet." },
  dht_table_peers: { kind: "gauge", unit: "peers", help: "Peers in the DHT's routing table." },
  dht_refused_total: {
    kind: "counter",
    unit: "records",
    help: "Records others wanted this node to keep and it did not.",
    labels: { reason: ["value", "provider-records", "records", "bytes", OTHER] },
  },
  registry_records: { kind: "gauge", unit: "records", help: "Records of other nodes' agents that are kept." },
  registry_lookup_seconds: {
    kind: "histogram",
    unit: "seconds",
    help: "Look-ups of a capability, to the last row wanted.",
    labels: { scope: ["local", "known", "network"] },
    buckets: SLOW_SECONDS,
  },
  anycast_tries_total: {
    kind: "counter",
    unit: "tries",
    help: "Tries of calls to a capability.",
    labels: { result: ["answered", "failed-over", "failed"] },
  },
  agents: {
    kind: "gauge",
    unit: "agents",
    help: "Agents hosted here.",
    labels: { state: ["starting", "ready", "failed", "draining", "stopped"] },
  },
  children: {
    kind: "gauge",
    unit: "processes",
    help: "Programs that run as agents, their sessions included.",
  },
  child_restarts_total: {
    kind: "counter",
    unit: "starts",
    help: "Starts of agents' programs that had crashed before.",
  },
  searches_total: {
    kind: "counter",
    unit: "searches",
    help: "Searches sent by agents of this node, and searches of others heard.",
    labels: { direction: DIRECTIONS },
  },
  offers_total: {
    kind: "counter",
    unit: "offers",
    help: "Offers received for own searches, and offers sent to searching agents.",
    labels: { direction: DIRECTIONS },
  },
  orders_open: { kind: "gauge", unit: "orders", help: "Orders that have not ended." },
  clock_offset_seconds: {
    kind: "gauge",
    unit: "seconds",
    help: "Median of the peers' clocks minus ours; absent below three peers.",
  },
} as const satisfies Readonly<Record<string, MetricEntry>>;

type Table = typeof metricTable;
export type MetricName = keyof Table;

type NameOf<Kind extends MetricEntry["kind"]> = {
  [Name in MetricName]: Table[Name]["kind"] extends Kind ? Name : never;
}[MetricName];
export type CounterName = NameOf<"counter">;
export type GaugeName = NameOf<"gauge">;
export type HistogramName = NameOf<"histogram">;

/** The labels of a metric, each with one of its values. */
export type LabelsOf<Name extends MetricName> = Table[Name] extends {
  readonly labels: infer Labels extends Readonly<Record<string, readonly string[]>>;
}
  ? { readonly [Label in keyof Labels]: Labels[Label][number] }
  : Readonly<Record<string, never>>;
