/** The library alone with the services of a daemon: says when it listens, ends when it is told to. */

import { gossipsub } from "@libp2p/gossipsub";
import { identify } from "@libp2p/identify";
import { kadDHT } from "@libp2p/kad-dht";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { webSockets } from "@libp2p/websockets";
import { yamux } from "@libp2p/yamux";
import { createLibp2p } from "libp2p";

const node = await createLibp2p({
  addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
  transports: [tcp(), webSockets()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: {
    identify: identify(),
    ping: ping(),
    pubsub: gossipsub(),
    dht: kadDHT({ protocol: "/bench/kad/1", clientMode: false }),
  },
});
process.on("SIGTERM", () => void stop());
console.log('{"type":"started"}');

async function stop(): Promise<never> {
  await node.stop();
  process.exit();
}
