import type { MetricsView } from "./control/types.ts";

interface Identity {
  readonly version: string;
}

/** The counters in Prometheus' text form. */
export function metricsText(metrics: MetricsView, { version }: Identity): string {
  const families: readonly (readonly [
    name: string,
    type: "counter" | "gauge",
    help: string,
    value: number,
  ])[] = [
    ["gridmesh_resident_memory_bytes", "gauge", "Memory of the process.", metrics.rssBytes],
    ["gridmesh_uptime_seconds", "gauge", "Seconds since start.", Math.floor(metrics.uptimeMs / 1_000)],
    ["gridmesh_links", "gauge", "Peers connected now.", metrics.links],
    ["gridmesh_streams_open", "gauge", "Streams open now.", metrics.streamsOpen],
    ["gridmesh_stream_unread_bytes", "gauge", "Bytes received and not read yet.", metrics.unreadBytes],
    [
      "gridmesh_searches_published_total",
      "counter",
      "Searches sent by agents of this node.",
      metrics.beckn.searchesPublished,
    ],
    ["gridmesh_searches_heard_total", "counter", "Searches of others received.", metrics.beckn.searchesHeard],
    ["gridmesh_offers_sent_total", "counter", "Offers sent to searching agents.", metrics.beckn.offersSent],
    [
      "gridmesh_offers_received_total",
      "counter",
      "Offers received for own searches.",
      metrics.beckn.offersReceived,
    ],
    ["gridmesh_orders_pending", "gauge", "Orders that have not ended.", metrics.pending.orders],
  ];
  const lines = families.flatMap(([name, type, help, value]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    `${name} ${value}`,
  ]);
  return `${[
    "# HELP gridmesh_build_info The program's version.",
    "# TYPE gridmesh_build_info gauge",
    `gridmesh_build_info{version="${version}"} 1`,
    ...lines,
  ].join("\n")}\n`;
}
