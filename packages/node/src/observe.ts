/** Looks at a running node for what its operator should know. */

import type { Clock } from "./clock.ts";
import type { Observation } from "./findings.ts";
import type { HostedAgent } from "./host/in-process.ts";
import { nodeLimits } from "./limits.ts";
import type { MarketClock } from "./market-clock.ts";
import type { Supervisor } from "./network/supervisor-types.ts";
import type { Transport } from "./network/transport.ts";
import type { TradeDesk } from "./trade/types.ts";

export interface Observed {
  readonly clock: Clock;
  readonly market: MarketClock;
  /** Monotonic ms of the start. */
  readonly startedMs: number;
  readonly transport: Transport;
  readonly supervisor: Supervisor;
  readonly dht: boolean;
  readonly agents: () => readonly HostedAgent[];
  readonly desk: TradeDesk;
  readonly clockOffsetMs: () => number | undefined;
  /** Names of other networks that answered, by peer. */
  readonly strangers: ReadonlyMap<string, string>;
  /** What stopped the disk, if anything did. */
  readonly diskError: () => string | undefined;
}

/** Nobody is told of few peers while the node has only just begun to look. */
const SETTLING_MS = 30_000;
const MESH_SETTLING_MS = 10_000;
const FEW = 2;

export function observe(node: Observed): readonly Observation[] {
  return [...observeLinks(node), ...observeMesh(node), ...observeClock(node), ...observeWork(node)];
}

function observeLinks(node: Observed): Observation[] {
  const { links, anchors } = node.supervisor.state();
  const found: Observation[] = [];
  for (const anchor of anchors) {
    const [attempt] = anchor.attempts;
    if (anchor.link !== undefined || attempt === undefined) continue;
    found.push({ code: "BOOTSTRAP_UNREACHABLE", text: `${attempt.address}: ${attempt.reason}` });
    break;
  }
  if (node.strangers.size > 0) {
    found.push({ code: "NETWORK_SPLIT", text: `${node.strangers.size} peers belong to another network` });
  }
  if (node.clock.monotonicMs() - node.startedMs < SETTLING_MS) return found;
  if (links === 0) found.push({ code: "NO_PEERS", text: "no peer is linked" });
  else if (links < FEW) found.push({ code: "FEW_PEERS", text: `${links} peer is linked` });
  return found;
}

function observeMesh(node: Observed): Observation[] {
  const { topics, dhtTablePeers, links } = node.transport.snapshot();
  if (links === 0 || node.clock.monotonicMs() - node.startedMs < MESH_SETTLING_MS) return [];
  const found: Observation[] = [];
  const empty = topics.filter((topic) => topic.meshPeers === 0);
  if (empty.length > 0) {
    found.push({ code: "MESH_EMPTY", text: `no mesh peer on ${empty.map(({ topic }) => topic).join(", ")}` });
  }
  if (node.dht && dhtTablePeers === 0) found.push({ code: "DHT_EMPTY", text: "the DHT table has no peer" });
  return found;
}

function observeClock(node: Observed): Observation[] {
  const offsetMs = node.clockOffsetMs();
  if (offsetMs === undefined || Math.abs(offsetMs) <= nodeLimits.clockWarnMs) return [];
  const text = `this clock is ${(Math.abs(offsetMs) / 1000).toFixed(1)} s ${offsetMs > 0 ? "behind" : "ahead"}`;
  const severity = Math.abs(offsetMs) > nodeLimits.clockStopMs ? "critical" : "warning";
  return [{ code: "CLOCK_SKEWED", text, severity }];
}

function observeWork(node: Observed): Observation[] {
  const found: Observation[] = [];
  const disk = node.diskError();
  if (disk !== undefined) found.push({ code: "STORE_FAILED", text: disk });
  const failed = node.agents().filter((agent) => agent.state === "failed");
  if (failed.length > 0) {
    const text = failed.map((agent) => `${agent.name}: ${agent.reason ?? "unknown"}`).join("; ");
    found.push({ code: "AGENT_FAILED", text });
  }
  const { held } = inDoubt(node);
  if (held > 0) found.push({ code: "TRADE_IN_DOUBT", text: `${held} orders wait for their seller's answer` });
  return found;
}

function inDoubt(node: Observed): { readonly held: number } {
  const { market } = node;
  const oldestMs = market.nowMs() - nodeLimits.inDoubtMs * market.speed;
  const held = node.desk.orders({ open: true }).filter((order) => {
    return order.role === "buyer" && order.state === "HELD" && order.updatedAtMs < oldestMs;
  });
  return { held: held.length };
}
