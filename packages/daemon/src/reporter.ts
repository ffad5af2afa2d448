/** What `start` prints: a few lines at first, then one per change. */

import type { Log } from "@gridmesh/node";
import type { Invocation } from "./cli/invocation.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { ControlContext } from "./control/context.ts";
import type { Daemon } from "./daemon.ts";
import type { HomePaths } from "./home.ts";
import type { InitialisedHome } from "./init-home.ts";

export interface Reporter {
  started(lines: readonly string[], context: ControlContext): void;
  statusText(context: ControlContext): string;
  status(line: string, context: ControlContext): void;
  ended(): void;
}

/** Lines for people, log records for machines, or one JSON object per line with `--json`. */
export function reporterFor(options: {
  readonly invocation: Invocation;
  readonly log: Log;
  readonly format: "json" | "pretty";
}): Reporter {
  const { invocation, log, format } = options;
  const { io } = invocation;
  if (invocation.json) return jsonReporter((line) => io.out(`${JSON.stringify(line)}\n`));
  const pretty = format === "pretty";
  return {
    statusText,
    started(lines, context) {
      if (pretty) io.out(lines.map((line) => `${line}\n`).join(""));
      else {
        const { node } = context;
        log.info("node.started", `gridmesh ${context.version} is running`, {
          peerId: node.id,
          addresses: node.addresses.join(" "),
          network: node.networkName,
          profile: context.config.profile,
          home: context.home,
          statusPage: context.statusPage(),
        });
      }
    },
    status(line) {
      log.info("node.status", line);
    },
    ended() {
      log.info("node.stopped", "gridmesh has stopped");
    },
  };
}

function jsonReporter(write: (line: object) => void): Reporter {
  return {
    statusText,
    started(_lines, { node, version }) {
      write({ schemaVersion: 1, type: "started", version, peerId: node.id, addresses: node.addresses });
    },
    status(line, { node }) {
      write({ type: "status", state: node.state, peers: node.peers().length, text: line });
    },
    ended() {
      write({ type: "end" });
    },
  };
}

/** At most eight lines: who, where, how it looks for peers, what lives here, what to type next. */
export function bannerLines(options: {
  readonly daemon: Daemon;
  readonly loaded: LoadedConfig;
  readonly made: InitialisedHome;
  readonly paths: HomePaths;
}): string[] {
  const { daemon, loaded, made, paths } = options;
  const { node, context } = daemon;
  const { config } = loaded;
  const agents = node.agents.list().map((agent) => agent.name);
  return [
    `gridmesh ${context.version}  network ${config.network}, profile ${config.profile}`,
    ...(made.files.length > 0 ? [`new home  ${made.files.join(" ")}`] : []),
    `peer      ${node.id}`,
    `address   ${node.addresses.join(" ")}`,
    `socket    ${[paths.socket, context.gateway()].filter((place) => place !== null).join(" and ")}`,
    `peers     ${lookingBy(config.discovery)}`,
    `agents    ${agents.length === 0 ? "none; name some in config.toml, [[agents]]" : agents.join(" ")}`,
    `next      gridmesh status, gridmesh agents find`,
  ];
}

function lookingBy(discovery: LoadedConfig["config"]["discovery"]): string {
  const ways = [
    ...(discovery.mdns ? ["mDNS"] : []),
    ...(discovery.bootstrap.length > 0 ? [`${discovery.bootstrap.length} bootstrap peers`] : []),
    ...(discovery.dht ? ["the DHT once linked"] : []),
  ];
  return ways.length === 0 ? "waits to be dialled" : `looked for by ${ways.join(", ")}`;
}

function statusText({ node }: ControlContext): string {
  const peers = node.peers().filter((peer) => peer.state === "connected").length;
  const agents = node.agents.list().filter((agent) => agent.state === "ready").length;
  const orders = node.desk.orders();
  const open = node.desk.pending().orders;
  const findings = node.findings().filter((finding) => finding.severity !== "info");
  const health = findings.length === 0 ? "healthy" : findings.map((finding) => finding.code).join(" ");
  return `${peers} peers, ${agents} agents, ${orders.length} trades (${open} open), ${health}`;
}
