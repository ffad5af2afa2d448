/** Clock, disk, agents and trades. */

import type { Observation } from "./findings.ts";
import { nodeLimits } from "./limits.ts";
import type { Observed } from "./observed.ts";

export function observeWork(node: Observed): Observation[] {
  return [
    ...clockSkewed(node),
    ...storeFailed(node),
    ...agentFailed(node),
    ...tradeInDoubt(node),
    ...ledgerDisagrees(node),
  ];
}

function clockSkewed(node: Observed): Observation[] {
  const offsetMs = node.clockOffsetMs();
  if (offsetMs === undefined || Math.abs(offsetMs) <= nodeLimits.clockWarnMs) return [];
  const text = `this clock is ${(Math.abs(offsetMs) / 1000).toFixed(1)} s ${offsetMs > 0 ? "behind" : "ahead"}`;
  const severity = Math.abs(offsetMs) > nodeLimits.clockStopMs ? "critical" : "warning";
  return [{ code: "CLOCK_SKEWED", text, severity }];
}

function storeFailed({ diskError }: Observed): Observation[] {
  const text = diskError();
  return text === undefined ? [] : [{ code: "STORE_FAILED", text }];
}

function agentFailed({ agents }: Observed): Observation[] {
  const failed = agents().filter((agent) => agent.state === "failed");
  if (failed.length === 0) return [];
  const text = failed.map((agent) => `${agent.name}: ${agent.reason ?? "unknown"}`).join("; ");
  return [{ code: "AGENT_FAILED", text }];
}

function tradeInDoubt({ market, desk }: Observed): Observation[] {
  const oldestMs = market.nowMs() - nodeLimits.inDoubtMs * market.speed;
  const held = desk.orders({ open: true }).filter((order) => {
    return order.role === "buyer" && order.state === "HELD" && order.updatedAtMs < oldestMs;
  });
  if (held.length === 0) return [];
  return [{ code: "TRADE_IN_DOUBT", text: `${held.length} orders wait for their seller's answer` }];
}

function ledgerDisagrees({ desk }: Observed): Observation[] {
  const found = desk.disagreements();
  return found.length === 0 ? [] : [{ code: "LEDGER_DISAGREES", text: found.join("; ") }];
}
