/** A node alone in a network namespace, which multicast alone tells of others: `namespace-peer.ts <listen multiaddr>`. */

import { createNode, libp2p } from "../../packages/node/src/index.ts";

const [listen = ""] = process.argv.slice(2);
const node = await createNode({
  network: libp2p({ profile: "lan", listen: [listen] }),
  networkName: "namespaces",
});
const tell = () => {
  const peers = node.peers().filter(({ state }) => state === "connected");
  const { multicast } = node.snapshot();
  process.stdout.write(
    `${JSON.stringify({ id: node.id, peers: peers.map(({ peerId }) => peerId), multicast })}\n`,
  );
};
const timer = setInterval(tell, 200);
process.stdin.resume().on("end", () => {
  clearInterval(timer);
  void node.stop({ deadlineMs: 0 }).finally(() => process.exit());
});
