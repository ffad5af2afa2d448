/** From settings to the options of the node and of its network. */

import { lstatSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { libp2p, type NetworkChoice, type NodeOptions } from "@gridmesh/node";
import type { Config } from "./config/schema.ts";
import { configInvalid } from "./config/problem.ts";
import { type ForeignMetrics, openForeignMetrics } from "./metrics/foreign.ts";

export type NetworkSide = Pick<
  NodeOptions,
  | "network"
  | "networkName"
  | "links"
  | "streams"
  | "features"
  | "trustedAlerts"
  | "idempotentTools"
  | "forwardFor"
  | "access"
>;

export interface NetworkOptions extends NetworkSide {
  /** Where libp2p's own metrics go, if anywhere. */
  readonly foreign: ForeignMetrics | undefined;
}

/** @throws CONFIG_INVALID. */
export async function networkOptions(config: Config, home: string): Promise<NetworkOptions> {
  const { peers } = config;
  const foreign = config.metrics.libp2p ? await openForeignMetrics() : undefined;
  return {
    networkName: config.network,
    network: networkOf(config, home, foreign),
    links: {
      min: peers.min,
      target: peers.target,
      static: peers.static,
      allowForeign: peers.allowForeign,
    },
    streams: boundsOf(config),
    features: config.features,
    trustedAlerts: peers.trustedAlerts,
    idempotentTools: config.routing.idempotentTools,
    forwardFor: config.routing.forwardFor,
    access: config.access,
    foreign,
  };
}

function networkOf(config: Config, home: string, foreign: ForeignMetrics | undefined): NetworkChoice {
  const { discovery, peers, reach, limits } = config;
  const { relay, holePunch, upnp, quic, pskFile } = reach;
  const { connections, inboundPerIp, perIp, perSubnet, streamWindowBytes } = limits;
  return libp2p({
    profile: config.profile,
    listen: config.listen,
    announce: config.announce,
    bootstrap: discovery.bootstrap,
    static: peers.static,
    trusted: peers.trusted,
    mdns: discovery.mdns,
    dht: discovery.dht,
    dhtMode: discovery.dhtMode,
    reach: {
      relay,
      holePunch,
      upnp,
      quic,
      psk: pskFile === undefined ? undefined : keyIn(resolve(home, pskFile)),
    },
    limits: { connections, inboundPerIp, perIp, perSubnet, streamWindowBytes },
    ...(foreign === undefined ? {} : { metrics: { gossip: foreign.sink, libp2pRegistry: foreign.registry } }),
  });
}

function boundsOf({ limits }: Config): NonNullable<NodeOptions["streams"]> {
  return {
    unreadBytes: limits.unreadBytes,
    unreadBytesPerPeer: limits.unreadBytesPerPeer,
    inboundBytesPerSecond: limits.inboundBytesPerSecond,
    outboundBytesPerSecond: limits.outboundBytesPerSecond,
    inboundBytesPerSecondPerPeer: limits.inboundBytesPerSecondPerPeer,
    outboundBytesPerSecondPerPeer: limits.outboundBytesPerSecondPerPeer,
  };
}

/** The private network's key: as secret as the node's own. @throws CONFIG_INVALID. */
function keyIn(path: string): string {
  const refuse = (what: string, fix: string) =>
    configInvalid([{ where: "reach.pskFile", key: "reach.pskFile", what: `${path} ${what}`, fix }]);
  try {
    const { mode } = lstatSync(path);
    if ((mode & 0o077) !== 0) throw refuse("is open to others", `chmod 600 ${path}`);
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "EACCES" && code !== "EISDIR") throw error;
    throw refuse(`cannot be read (${code})`, "Put the network's key there, or correct the path.");
  }
}
