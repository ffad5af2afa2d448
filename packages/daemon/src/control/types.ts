/** What the control API says: one interface per noun, the same in routes, client and `--json`. Times: ms since the epoch. */

import type { AgentKind, MetricFamily } from "@gridmesh/node";
import type { BookSnapshot, JsonValue } from "@gridmesh/protocol";

export interface FindingView {
  readonly code: string;
  readonly severity: "info" | "warning" | "critical";
  readonly text: string;
  readonly fix: string;
  readonly sinceMs: number;
}

export interface HealthView {
  readonly live: boolean;
  /** Running and nothing critical; false from the first moment of stopping. */
  readonly ready: boolean;
  readonly findings: readonly FindingView[];
}

export interface NodeView {
  readonly peerId: string;
  readonly version: string;
  readonly nodeVersion: string;
  readonly bootId: string;
  readonly pid: number;
  readonly state: string;
  readonly network: string;
  readonly profile: string;
  readonly home: string;
  readonly addresses: readonly string[];
  readonly startedAtMs: number;
  readonly rssBytes: number;
  /** The status page's `host:port`, or null when it is off. */
  readonly statusPage: string | null;
  /** Where Beckn over HTTP is taken, `http://host:port`, or null when it is off. */
  readonly becknHttp: string | null;
  /** Where local programs reach the control API, MCP and A2A over TCP, `http://host:port`, or null when it is off. */
  readonly gateway: string | null;
}

export interface PeerView {
  readonly peerId: string;
  readonly state: "connected" | "known" | "banned";
  readonly reason?: string;
  readonly addresses: readonly string[];
  readonly direction: "inbound" | "outbound" | null;
  readonly latencyMs: number | null;
  readonly connectedAtMs: number | null;
}

/** Whom this node turns away. */
export interface BanView {
  /** PeerId, agent_id or address. */
  readonly subject: string;
  readonly kind: string;
  readonly code: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly strikes: number;
  readonly by: string;
}

export interface PingView {
  readonly minMs: number;
  readonly p50Ms: number;
  readonly maxMs: number;
}

export interface AgentView {
  readonly name: string;
  /** `<nodeId>:<name>`. */
  readonly address: string;
  readonly agentId: string;
  readonly kind: AgentKind;
  readonly state: "starting" | "ready" | "failed" | "stopped";
  readonly reason?: string;
  readonly capabilities: readonly string[];
  readonly access: string;
  readonly inFlight: number;
  readonly callsTotal: number;
  readonly errorsTotal: number;
}

export interface AddedAgentView {
  readonly agent: AgentView;
  /** How many tools it offers; null where it has none to list. */
  readonly tools: number | null;
}

export interface RegistryRowView {
  readonly name: string;
  readonly agentId: string;
  readonly nodeId: string;
  readonly address: string;
  readonly capabilities: readonly string[];
  readonly presence: string;
  readonly local: boolean;
  readonly validUntil: number;
}

export type TradeStage = "held" | "confirmed" | "delivered" | "settled" | "rejected" | "cancelled";

/** One order of a transaction, seen from one of our own books. Amounts: mWh, micro-currency. */
export interface TradeView {
  readonly transactionId: string;
  readonly orderId: string;
  /** agent_id of the book's owner. */
  readonly agentId: string;
  readonly role: "buyer" | "seller";
  readonly stage: TradeStage;
  readonly reason?: string;
  readonly counterparty: string;
  readonly counterpartyPeerId: string;
  readonly slotId: string;
  readonly quantityMilliWh: number;
  readonly priceMicroPerKWh: number;
  readonly amountMicro: number;
  readonly currency: string;
  /** Answers to the search; null when this node did not search. */
  readonly offersSeen: number | null;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
}

export interface TraceView {
  readonly steps: readonly TraceStepView[];
  /** Why a need was not met; null where it was. */
  readonly cause: string | null;
}

export interface TraceStepView {
  readonly atMs: number;
  readonly action: string;
  readonly from: string;
  readonly to: string;
  readonly verdict: string;
}

export interface LedgerView {
  readonly books: readonly BookSnapshot[];
  /** Entries still on their way to the other side. */
  readonly pending: { readonly orders: number; readonly imbalances: number };
}

export interface AuditView {
  readonly agree: boolean;
  readonly audited: number;
  readonly pairs: number;
  readonly entries: number;
  /** Orders whose other side's book lies on another node: checked on our side only. */
  readonly unpaired: number;
  readonly conservationErrorMilliWh: number;
  readonly conservationErrorMicro: number;
  readonly differences: readonly {
    readonly a: string;
    readonly b: string;
    readonly transactionId: string;
    readonly what: string;
  }[];
}

export interface ConfigValueView {
  readonly key: string;
  readonly value: JsonValue;
  /** `default`, `profile lan`, `config.toml:7:1`, `env GRIDMESH_…`, `flag --…`. */
  readonly origin: string;
  readonly needsRestart: boolean;
}

/** Market time was `marketMs` when wall time was `atWallMs`; it runs at `speed` unless paused. */
export interface ClockView {
  readonly marketMs: number;
  readonly atWallMs: number;
  readonly speed: number;
  readonly paused: boolean;
}

interface TopicView {
  readonly topic: string;
  readonly meshPeers: number;
  readonly subscribers: number;
}

/** Every metric of the node's table; names without the prefix `gridmesh_`. */
export interface MetricFamiliesView {
  readonly families: readonly MetricFamily[];
}

/** Counters since start. */
export interface MetricsView {
  readonly rssBytes: number;
  readonly uptimeMs: number;
  /** Since the start: ms its event loop had work and had none, and ms of a processor it got. */
  readonly loop: { readonly activeMs: number; readonly idleMs: number; readonly processorMs: number };
  readonly links: number;
  readonly topics: readonly TopicView[];
  readonly dhtTablePeers: number | null;
  readonly streamsOpen: number;
  readonly unreadBytes: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly beckn: {
    readonly searchesPublished: number;
    readonly searchesHeard: number;
    readonly offersSent: number;
    readonly offersReceived: number;
  };
  readonly pending: { readonly orders: number; readonly imbalances: number };
}
