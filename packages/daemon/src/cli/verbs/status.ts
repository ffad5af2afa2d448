import type { FindingView } from "../../control/types.ts";
import type { Verb } from "../invocation.ts";
import { pairs } from "../table.ts";

export const status: Verb = (command, attach) => {
  attach(command, async (invocation) => {
    const daemon = await invocation.daemon();
    const { wait } = invocation;
    const node = await daemon.node(wait);
    const findings = await daemon.findings(wait);
    const peers = (await daemon.peers(wait)).filter((peer) => peer.state === "connected");
    const agents = await daemon.agents(wait);
    const trades = await daemon.trades(wait);
    const settings = (await daemon.config(wait)).filter((value) => value.origin !== "default");
    const open = trades.filter((trade) => trade.stage === "held" || trade.stage === "confirmed").length;
    invocation.print(
      {
        node,
        findings,
        peers: { connected: peers.length },
        agents: { total: agents.length, ready: agents.filter((agent) => agent.state === "ready").length },
        trades: { total: trades.length, open },
        tasks: { total: 0 },
        config: settings,
      },
      `${findingLines(findings)}${pairs([
        ["node", `${node.peerId}  ${node.state}  gridmesh ${node.version}`],
        ["network", `${node.network}, profile ${node.profile}`],
        ["addresses", node.addresses.join(" ")],
        ["peers", `${peers.length} connected`],
        ["agents", agents.map((agent) => `${agent.name} (${agent.state})`).join(", ") || "none"],
        ["trades", `${trades.length}, ${open} open`],
        ["memory", `${Math.round(node.rssBytes / 1_048_576)} MiB`],
      ])}`,
    );
    return 0;
  });
};

/** Worst first, each with what ends it. */
export function findingLines(findings: readonly FindingView[]): string {
  return findings
    .map((finding) => `${finding.severity.padEnd(8)} ${finding.code}  ${finding.text}. → ${finding.fix}\n`)
    .join("");
}
