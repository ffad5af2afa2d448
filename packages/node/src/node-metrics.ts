/** Ties the metrics that can be read off a running node to its rooms, and times what comes and goes. */

import type { BecknExchange } from "./beckn/types.ts";
import type { Clock } from "./clock.ts";
import type { Finding } from "./findings.ts";
import type { HostedAgent } from "./host/in-process.ts";
import type { GaugeName, CounterName } from "./metric-table.ts";
import { OTHER } from "./metric-table.ts";
import type { Metrics, Sample } from "./metrics.ts";
import type { NetworkSnapshot } from "./network/snapshot.ts";
import type { Supervisor } from "./network/supervisor-types.ts";
import type { NetworkEvent, Transport } from "./network/transport.ts";

export interface MeasuredNode {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly version: string;
  /** Monotonic ms of the start. */
  readonly startedMs: number;
  readonly transport: Transport;
  readonly supervisor: Supervisor;
  readonly agents: () => readonly HostedAgent[];
  readonly openOrders: () => number;
  readonly beckn: Pick<BecknExchange, "counters">;
  readonly clockOffsetMs: () => number | undefined;
  readonly findings: () => readonly Finding[];
}

/** Peers whose loss is remembered until they come again. */
const LOST_PEERS = 1_024;

export function measureNode(node: MeasuredNode): Disposable {
  const undo = new DisposableStack();
  const { metrics } = node;
  const read = (name: GaugeName | CounterName, samples: () => Iterable<Sample>) => {
    undo.use(metrics.read(name, samples));
  };
  const one = (value: number): readonly Sample[] => [{ labels: {}, value }];
  read("build_info", () => [{ labels: { version: node.version }, value: 1 }]);
  read("uptime_seconds", () => one((node.clock.monotonicMs() - node.startedMs) / 1_000));
  read("health_findings", () => {
    return node.findings().map(({ code, severity }) => ({ labels: { code, severity }, value: 1 }));
  });
  read("agents", () => node.agents().map(({ state }) => ({ labels: { state }, value: 1 })));
  read("orders_open", () => one(node.openOrders()));
  read("clock_offset_seconds", () => {
    const offsetMs = node.clockOffsetMs();
    return offsetMs === undefined ? [] : one(offsetMs / 1_000);
  });
  read("searches_total", () => {
    const { searchesPublished, searchesHeard } = node.beckn.counters();
    return inAndOut(searchesHeard, searchesPublished);
  });
  read("offers_total", () => {
    const { offersSent, offersReceived } = node.beckn.counters();
    return inAndOut(offersReceived, offersSent);
  });
  readLinks(node, read);
  readNetwork(node, read);
  undo.use(timeLosses(node));
  return undo;
}

function inAndOut(inward: number, outward: number): readonly Sample[] {
  return [
    { labels: { direction: "in" }, value: inward },
    { labels: { direction: "out" }, value: outward },
  ];
}

type Read = (name: GaugeName | CounterName, samples: () => Iterable<Sample>) => void;

function readLinks({ transport, supervisor }: MeasuredNode, read: Read): void {
  read("links", () => {
    const classes = new Map(supervisor.peers().map(({ peerId, peerClass }) => [peerId, peerClass]));
    return transport.links().map(({ peerId, inbound }) => ({
      labels: { class: classes.get(peerId) ?? "neighbour", direction: inbound ? "in" : "out" },
      value: 1,
    }));
  });
}

function readNetwork({ transport }: MeasuredNode, read: Read): void {
  // One scrape reads several of these: each asks for its own part of the state.
  const by = (label: string, counts: (snapshot: NetworkSnapshot) => Readonly<Record<string, number>>) => {
    return () =>
      Object.entries(counts(transport.snapshot())).map(([key, value]) => ({
        labels: { [label]: key },
        value,
      }));
  };
  const one = (value: (snapshot: NetworkSnapshot) => number | null) => () => {
    const found = value(transport.snapshot());
    return found === null ? [] : [{ labels: {}, value: found }];
  };
  read("mesh_peers", () => {
    return transport.snapshot().topics.map(({ topic, meshPeers }) => ({
      labels: { purpose: purposeOf(topic) },
      value: meshPeers,
    }));
  });
  read(
    "dials_total",
    by("result", ({ dials }) => dials),
  );
  read(
    "inbound_refused_total",
    by("rule", ({ refused }) => refusals(refused, false)),
  );
  read(
    "dht_refused_total",
    by("reason", ({ refused }) => refusals(refused, true)),
  );
  read("streams_open", () =>
    Object.entries(transport.snapshot().streamsByProtocol).map(([protocol, value]) => ({
      labels: { protocol: protocolName(protocol) },
      value,
    })),
  );
  read("stream_resets_total", () =>
    Object.entries(transport.snapshot().streamResets).map(([key, value]) => ({
      labels: { reason: key.split(" ")[1] ?? OTHER },
      value,
    })),
  );
  read(
    "stream_unread_bytes",
    one(({ unreadBytes }) => unreadBytes),
  );
  read(
    "dht_table_peers",
    one(({ dhtTablePeers }) => dhtTablePeers),
  );
}

/** The snapshot counts what the DHT's store refuses beside connections and streams. */
function refusals(refused: Readonly<Record<string, number>>, byDht: boolean): Record<string, number> {
  return Object.fromEntries(
    Object.entries(refused)
      .filter(([rule]) => rule.startsWith("dht-") === byDht)
      .map(([rule, count]) => [byDht ? rule.slice("dht-".length) : rule, count]),
  );
}

/** `gridmesh/<network>/<purpose>[/<scope>]`. */
function purposeOf(topic: string): string {
  return topic.split("/")[2] ?? OTHER;
}

/** `/gridmesh/rpc/1` is rpc. */
function protocolName(protocol: string): string {
  return /^\/gridmesh\/([a-z]+)\/\d+$/.exec(protocol)?.[1] ?? OTHER;
}

function timeLosses({ metrics, clock, transport }: MeasuredNode): Disposable {
  const undo = new DisposableStack();
  const lost = new Map<string, number>();
  const reconnect = metrics.histogram("reconnect_seconds", {});
  undo.use(
    transport.on("unlink", ({ peerId, reason }: NetworkEvent) => {
      metrics.count("link_lost_total", { reason: lossReason(reason) });
      if (peerId === undefined) return;
      const oldest = lost.keys().next();
      if (lost.size >= LOST_PEERS && !oldest.done) lost.delete(oldest.value);
      lost.set(peerId, clock.monotonicMs());
    }),
  );
  undo.use(
    transport.on("link", ({ peerId }) => {
      const lostMs = peerId === undefined ? undefined : lost.get(peerId);
      if (peerId === undefined || lostMs === undefined) return;
      lost.delete(peerId);
      reconnect.observe((clock.monotonicMs() - lostMs) / 1_000);
    }),
  );
  return undo;
}

const LOSSES: readonly (readonly [RegExp, LossReason])[] = [
  [/silen|liveness|no answer/i, "silent"],
  [/ban/i, "banned"],
  [/NETWORK_MISMATCH|VERSION_UNSUPPORTED|FEATURE_REQUIRED|HELLO_REQUIRED|hello/i, "foreign"],
  [/park|disconnect/i, "parked"],
  [/prun|more links than/i, "pruned"],
  [/stop/i, "stopped"],
  [/^closed$/i, "closed"],
];
type LossReason = "closed" | "silent" | "banned" | "foreign" | "parked" | "pruned" | "stopped" | "other";

function lossReason(text = "closed"): LossReason {
  return LOSSES.find(([pattern]) => pattern.test(text))?.[1] ?? OTHER;
}
