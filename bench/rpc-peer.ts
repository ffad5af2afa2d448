/** Answers what it is asked: as a node, over HTTP, line by line over TCP, and as the library alone. */

import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { type AddressInfo, createServer as createTcp } from "node:net";
import { createInterface } from "node:readline";
import { createNode, libp2p } from "../packages/node/src/index.ts";
import { openRates } from "./peer.ts";
import { answerRaw, rawPeer } from "./raw-library.ts";

const node = await createNode({
  network: libp2p({ profile: "testnet" }),
  networkName: "bench",
  messageRates: openRates,
  agents: [
    {
      name: "echo",
      access: "network",
      definition: { capabilities: [], methods: { echo: (params) => params } },
    },
  ],
});

const raw = await rawPeer(["/ip4/127.0.0.1/tcp/0"]);
await answerRaw(raw);

const http = createHttp((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const said: unknown = JSON.parse(Buffer.concat(parts).toString());
    response.setHeader("content-type", "application/json").end(JSON.stringify(said));
  });
}).listen(0, "127.0.0.1");

const tcp = createTcp((socket) => {
  socket.setNoDelay(true).on("error", () => socket.destroy());
  createInterface({ input: socket }).on("line", (text) => {
    socket.write(`${JSON.stringify(JSON.parse(text))}\n`);
  });
}).listen(0, "127.0.0.1");

await Promise.all([once(http, "listening"), once(tcp, "listening")]);
process.on("message", () => process.send?.(node.snapshot().streamsByProtocol["/gridmesh/rpc/1"] ?? 0));
process.send?.({
  peerId: node.id,
  addresses: node.addresses,
  httpPort: (http.address() as AddressInfo).port,
  tcpPort: (tcp.address() as AddressInfo).port,
  rawAddress: raw.getMultiaddrs()[0]?.toString() ?? "",
});
process.on("disconnect", () => {
  void Promise.allSettled([node.stop({ deadlineMs: 0 }), raw.stop()]).finally(() => process.exit());
});
