/** Hosts the agent that is called: on a node, and beside it on the library alone. */

import { createNode, libp2p } from "../packages/node/src/index.ts";
import { openRates } from "./peer.ts";
import { rawPeer } from "./raw-library.ts";
import { answerMcp, echoServer } from "./raw-mcp.ts";

const node = await createNode({
  network: libp2p({ profile: "testnet" }),
  networkName: "bench",
  messageRates: openRates,
  agents: [{ name: "echo", definition: { capabilities: [], mcp: () => echoServer() } }],
});
const raw = await rawPeer(["/ip4/127.0.0.1/tcp/0"]);
await answerMcp(raw);

process.on("message", () => process.send?.(node.snapshot().streamsByProtocol["/gridmesh/rpc/1"] ?? 0));
process.send?.({
  peerId: node.id,
  addresses: node.addresses,
  rawAddress: raw.getMultiaddrs()[0]?.toString() ?? "",
});
process.on("disconnect", () => {
  void Promise.allSettled([node.stop({ deadlineMs: 0 }), raw.stop()]).finally(() => process.exit());
});
