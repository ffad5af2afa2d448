/** Calls between two processes on loopback, beside HTTP/1.1, JSON lines over TCP, and the library alone. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { createNode, libp2p } from "../packages/node/src/index.ts";
import { checkEcho, type Echo, said } from "./echo.ts";
import { type BenchOptions, inTurn, line, type Line, percentile, underLoad } from "./measure.ts";
import { openRates, startPeer } from "./peer.ts";
import { rawLines, rawPeer, rawStreams } from "./raw-library.ts";

/** As many as the protocol lets one peer have under way. */
const MANY = 64;

interface Facts {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly httpPort: number;
  readonly tcpPort: number;
  readonly rawAddress: string;
}

export async function rpc({ quick }: BenchOptions): Promise<readonly Line[]> {
  await using peer = await startPeer<Facts>("./rpc-peer.ts");
  const { peerId, addresses, httpPort, tcpPort, rawAddress } = peer.facts;
  await using node = await createNode({
    network: libp2p({ profile: "testnet", bootstrap: addresses }),
    networkName: "bench",
    messageRates: openRates,
  });
  await node.connect(addresses[0] ?? "");
  const target = `${peerId}:echo/echo`;
  const call: Echo = async (n) => checkEcho(await node.call(target, said(n)), n);
  using http = httpEcho(httpPort);
  await using tcp = await tcpEcho(tcpPort);
  await using raw = await rawEcho(rawAddress);
  const forMs = quick ? 50 : 700;
  const warm = { atOnce: MANY, forMs: quick ? 30 : 600 };
  for (const echo of [call, http.echo, tcp.echo, raw.lines, raw.streams]) await underLoad(warm, echo);

  const tookMs = new Map<string, number[]>();
  const measure = (name: string, echo: Echo, atOnce: number) => async () => {
    const load = await underLoad({ atOnce, forMs }, echo);
    tookMs.set(name, [...(tookMs.get(name) ?? []), ...load.tookMs]);
    return load.perSecond;
  };
  const both = (name: string, echo: Echo) => ({
    [`${name}64`]: measure(`${name}64`, echo, MANY),
    [`${name}1`]: measure(`${name}1`, echo, 1),
  });
  const rates = await inTurn(quick ? 1 : 3, {
    ...both("call", call),
    ...both("http", http.echo),
    ...both("tcp", tcp.echo),
    ...both("raw", raw.lines),
    ...both("each", raw.streams),
  });
  const p99 = (name: string) => percentile(tookMs.get(name) ?? [], 0.99);
  const besides = {
    http: "HTTP/1.1",
    each: "libp2p, a stream per call",
    raw: "libp2p lines",
    tcp: "TCP lines",
  };
  const each = (at: "64" | "1") => {
    const beside = Object.entries(besides);
    return [
      line(
        { name: `call, ${at} in flight`, value: rates[`call${at}`] ?? 0, unit: "calls/s" },
        ...beside.map(([key, name]) => ({ name, value: rates[`${key}${at}`] ?? 0, unit: "calls/s" })),
      ),
      line(
        { name: `call p99, ${at} in flight`, value: p99(`call${at}`), unit: "ms" },
        ...beside.map(([key, name]) => ({ name: `${name} p99`, value: p99(`${key}${at}`), unit: "ms" })),
      ),
    ];
  };
  const figures = [...each("64"), ...each("1")];
  return [...figures, await streamsLeft(node, peer)];
}

/** One stream of calls stays for the next; once the caller is gone, none may. */
async function streamsLeft(
  node: Awaited<ReturnType<typeof createNode>>,
  peer: { ask(message: string): Promise<unknown> },
): Promise<Line> {
  const pooled = await peer.ask("streams");
  assert.ok(Number(pooled) <= 2, `${String(pooled)} streams after the calls`);
  await node.stop();
  let left = Number(await peer.ask("streams"));
  for (let look = 0; left > 0 && look < 50; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    left = Number(await peer.ask("streams"));
  }
  assert.equal(left, 0, "streams of calls are left open");
  return line({ name: "streams left", value: left, unit: "streams" });
}

async function rawEcho(
  address: string,
): Promise<{ readonly lines: Echo; readonly streams: Echo } & AsyncDisposable> {
  const peer = await rawPeer([]);
  const onOne = await rawLines(peer, address);
  const onEach = rawStreams(peer, address);
  return {
    lines: async (n) => checkEcho(await onOne(said(n)), n),
    streams: async (n) => checkEcho(await onEach(said(n)), n),
    [Symbol.asyncDispose]: async () => peer.stop(),
  };
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
    asked.on("error", reject).end(JSON.stringify(said(n)));
    checkEcho(JSON.parse(await promise), n);
  };
  return { echo, [Symbol.dispose]: () => agent.destroy() };
}

/** One connection, as a node has one stream; answers are told apart by their number. */
async function tcpEcho(port: number): Promise<{ readonly echo: Echo } & AsyncDisposable> {
  const socket: Socket = connect(port, "127.0.0.1").setNoDelay(true);
  await once(socket, "connect");
  const waiting = new Map<number, (answer: unknown) => void>();
  createInterface({ input: socket }).on("line", (text) => {
    const answer = JSON.parse(text) as { readonly n: number };
    waiting.get(answer.n)?.(answer);
    waiting.delete(answer.n);
  });
  const echo: Echo = async (n) => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    waiting.set(n, resolve);
    socket.write(`${JSON.stringify(said(n))}\n`);
    checkEcho(await promise, n);
  };
  return {
    echo,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      if (!socket.closed) await once(socket, "close");
    },
  };
}
