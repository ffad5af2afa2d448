/** The library's gossip alone: its defaults, but for the rule that nodes of one address count as one attacker. */

import { gossipsub } from "@libp2p/gossipsub";
import { identify } from "@libp2p/identify";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import type { Talker } from "./gossip-peer.ts";

const TOPIC = "bench";
/** As long as a signed search of ours. */
const BYTES = 1_000;

export async function rawTalker(): Promise<Talker> {
  const node = await createLibp2p({
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { inboundConnectionThreshold: 1_000, maxIncomingPendingConnections: 1_000 },
    services: {
      identify: identify(),
      // With sixteen nodes of one address the default delivers nothing at all.
      pubsub: gossipsub({ scoreParams: { IPColocationFactorWeight: 0 } }),
    },
  });
  const { pubsub } = node.services;
  let heard = 0;
  let said = 0;
  pubsub.addEventListener("message", () => (heard += 1));
  pubsub.subscribe(TOPIC);
  return {
    address: node.getMultiaddrs()[0]?.toString() ?? "",
    dial: async (address) => {
      await node.dial(multiaddr(address));
    },
    meshPeers: () =>
      (pubsub as unknown as { getMeshPeers(topic: string): string[] }).getMeshPeers(TOPIC).length,
    async say() {
      said += 1;
      await pubsub.publish(TOPIC, Buffer.from(`${node.peerId.toString()} ${said}`.padEnd(BYTES)));
    },
    counts: () => ({ said, heard }),
  };
}
