/** Calls between two processes on loopback, beside HTTP/1.1 with kept connections and JSON lines over TCP. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { createNode, libp2p } from "../packages/node/src/index.ts";
import { type BenchOptions, inTurn, line, type Line, percentile, underLoad } from "./measure.ts";
import { openRates, startPeer } from "./peer.ts";

/** As many as the protocol lets one peer have under way. */
const MANY = 64;

interface Facts {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly httpPort: number;
  readonly tcpPort: number;
}

/** Sends a number and takes the same number back, or fails. */
type Echo = (n: number, lane: number) => Promise<void>;

export async function rpc({ quick }: BenchOptions): Promise<readonly Line[]> {
  await using peer = await startPeer<Facts>("./rpc-peer.ts");
  await using node = await createNode({
    network: libp2p({ profile: "testnet", bootstrap: peer.facts.addresses }),
    networkName: "bench",
    messageRates: openRates,
  });
  await node.connect(peer.facts.addresses[0] ?? "");
  const call: Echo = async (n) => {
    assert.deepEqual(await node.call(`${peer.facts.peerId}:echo/echo`, { n }), { n });
  };
  using http = httpEcho(peer.facts.httpPort);
  await using tcp = await tcpEcho(peer.facts.tcpPort);
  const forMs = quick ? 50 : 700;
  const warm = { atOnce: MANY, forMs: quick ? 30 : 600 };
  for (const echo of [call, http.echo, tcp.echo]) await underLoad(warm, echo);

  const tookMs = new Map<string, number[]>();
  const measure = (name: string, echo: Echo, atOnce: number) => async () => {
    const load = await underLoad({ atOnce, forMs }, echo);
    tookMs.set(name, [...(tookMs.get(name) ?? []), ...load.tookMs]);
    return load.perSecond;
  };
  const rates = await inTurn(quick ? 1 : 3, {
    call64: measure("call64", call, MANY),
    http64: measure("http64", http.echo, MANY),
    tcp64: measure("tcp64", tcp.echo, MANY),
    call1: measure("call1", call, 1),
    http1: measure("http1", http.echo, 1),
    tcp1: measure("tcp1", tcp.echo, 1),
  });
  const p99 = (name: string) => percentile(tookMs.get(name) ?? [], 0.99);
  const each = (at: "64" | "1") => [
    line(
      { name: `call, ${at} in flight`, value: rates[`call${at}`], unit: "calls/s" },
      { name: `HTTP/1.1 on ${at} connections`, value: rates[`http${at}`], unit: "calls/s" },
      { name: `JSON lines on TCP`, value: rates[`tcp${at}`], unit: "calls/s" },
    ),
    line(
      { name: `call p99, ${at} in flight`, value: p99(`call${at}`), unit: "ms" },
      { name: "HTTP/1.1 p99", value: p99(`http${at}`), unit: "ms" },
      { name: "JSON lines p99", value: p99(`tcp${at}`), unit: "ms" },
    ),
  ];
  return [...each("64"), ...each("1")];
}

function httpEcho(port: number): { readonly echo: Echo } & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets: MANY });
  const echo: Echo = async (n) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const asked = request({ agent, port, host: "127.0.0.1", method: "POST" }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve(Buffer.concat(parts).toString()));
    });
    asked.on("error", reject).end(JSON.stringify({ n }));
    assert.deepEqual(JSON.parse(await promise), { n });
  };
  return { echo, [Symbol.dispose]: () => agent.destroy() };
}

/** One connection, as a node has one stream; answers are told apart by their number. */
async function tcpEcho(port: number): Promise<{ readonly echo: Echo } & AsyncDisposable> {
  const socket: Socket = connect(port, "127.0.0.1").setNoDelay(true);
  await once(socket, "connect");
  const waiting = new Map<number, () => void>();
  createInterface({ input: socket }).on("line", (text) => {
    const { n } = JSON.parse(text) as { readonly n: number };
    waiting.get(n)?.();
    waiting.delete(n);
  });
  const echo: Echo = async (n) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.set(n, resolve);
    socket.write(`${JSON.stringify({ n })}\n`);
    await promise;
  };
  return {
    echo,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      if (!socket.closed) await once(socket, "close");
    },
  };
}
