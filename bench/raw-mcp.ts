/** MCP's SDK on a raw stream: what a node adds is what this has not. */

import type { Libp2p, Stream } from "@libp2p/interface";
import { Client } from "@modelcontextprotocol/client";
import { McpServer, type Transport } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { multiaddr } from "@multiformats/multiaddr";
import { z } from "zod";
import { lineSender, onLines } from "./raw-library.ts";

const MCP = "/bench/mcp/1";

/** The agent that both sides of the bench call: it gives back what it is told. */
export function echoServer(): McpServer {
  const server = new McpServer({ name: "echo", version: "1" });
  const said = z.object({ n: z.number(), text: z.string() });
  server.registerTool("echo", { inputSchema: said }, (given) => ({
    content: [{ type: "text", text: JSON.stringify(given) }],
  }));
  return server;
}

export async function answerMcp(peer: Libp2p): Promise<void> {
  await peer.handle(MCP, (stream) => {
    serveStdio(() => echoServer(), { transport: transportOn(stream), legacy: "reject" });
  });
}

/** A caller of the revision 2026-07-28, connected over whatever transport. */
export async function connectedCaller(transport: object): Promise<Client> {
  const client = new Client(
    { name: "bench", version: "1" },
    { versionNegotiation: { mode: { pin: "2026-07-28" } } },
  );
  await client.connect(transport as Transport);
  return client;
}

export async function rawCaller(peer: Libp2p, address: string): Promise<Client> {
  return connectedCaller(transportOn(await peer.dialProtocol(multiaddr(address), MCP)));
}

function transportOn(stream: Stream): Transport {
  const say = lineSender(stream);
  const transport: Transport = {
    start() {
      onLines(stream, (text) => transport.onmessage?.(JSON.parse(text)));
      return Promise.resolve();
    },
    send(message) {
      say(JSON.stringify(message));
      return Promise.resolve();
    },
    async close() {
      await stream.close();
      transport.onclose?.();
    },
  };
  return transport;
}
