import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ControlContext } from "./context.ts";
import { checked } from "./problem.ts";
import type {
  ConfigValueView,
  FindingView,
  HealthView,
  MetricFamiliesView,
  MetricsView,
  NodeView,
} from "./types.ts";

const stopSchema = z.strictObject({ now: z.boolean().default(false) });

export function nodeRoutes(app: FastifyInstance, context: ControlContext): void {
  app.get("/health", (_request, reply) => {
    const health = healthOf(context);
    return reply.code(health.ready ? 200 : 503).send(health);
  });
  app.get("/health/live", () => ({ live: true }));
  app.get("/health/ready", (_request, reply) => {
    const { ready } = healthOf(context);
    return reply.code(ready ? 200 : 503).send({ ready });
  });
  app.get("/node", () => nodeView(context));
  app.post("/node/stop", (request, reply) => {
    const { now } = checked(stopSchema, request.body ?? {});
    // The answer leaves first: stopping closes this very socket. Whoever asked may be gone by then.
    reply.raw.once("close", () => context.requestStop(now));
    return reply.code(202).send({ stopping: true });
  });
  app.get("/findings", (): { findings: readonly FindingView[] } => ({ findings: context.node.findings() }));
  app.get("/config", (): { values: readonly ConfigValueView[] } => ({ values: context.values }));
  app.get("/metrics", () => metricsView(context));
  app.get("/metrics/families", (): MetricFamiliesView => ({ families: context.node.metrics() }));
  app.get("/metrics/text", () => context.metricsText());
}

/** Ready = running, not asked to stop, and nothing critical. */
export function healthOf(context: ControlContext): HealthView {
  const findings = context.node.findings();
  const critical = findings.some((finding) => finding.severity === "critical");
  return {
    live: true,
    ready: context.node.state === "running" && !context.stopping() && !critical,
    findings,
  };
}

function nodeView(context: ControlContext): NodeView {
  const { node } = context;
  return {
    peerId: node.id,
    version: context.version,
    nodeVersion: process.versions.node,
    bootId: context.bootId,
    pid: process.pid,
    state: context.stopping() ? "draining" : node.state,
    network: node.networkName,
    profile: context.config.profile,
    home: context.home,
    addresses: node.addresses,
    startedAtMs: context.startedAtMs,
    rssBytes: process.memoryUsage.rss(),
    statusPage: context.statusPage(),
    becknHttp: context.becknHttp(),
    gateway: context.gateway(),
  };
}

function metricsView(context: ControlContext): MetricsView {
  const { node } = context;
  const network = node.snapshot();
  const loop = performance.eventLoopUtilization();
  const { user, system } = process.cpuUsage();
  return {
    rssBytes: process.memoryUsage.rss(),
    uptimeMs: Date.now() - context.startedAtMs,
    loop: {
      activeMs: Math.round(loop.active),
      idleMs: Math.round(loop.idle),
      processorMs: Math.round((user + system) / 1_000),
    },
    links: network.links,
    topics: network.topics,
    dhtTablePeers: network.dhtTablePeers,
    streamsOpen: network.streamsOpen,
    unreadBytes: network.unreadBytes,
    refused: network.refused,
    beckn: node.beckn.counters(),
    pending: node.desk.pending(),
  };
}
