/** An MCP tool called through two nodes in two processes, beside MCP's SDK on one raw libp2p stream. */

import assert from "node:assert/strict";
import type { Client } from "@modelcontextprotocol/client";
import { channelTransport, createNode, libp2p } from "../packages/node/src/index.ts";
import { type BenchOptions, inTurn, line, type Line, percentile, underLoad } from "./measure.ts";
import { openRates, startPeer } from "./peer.ts";
import { rawPeer } from "./raw-library.ts";
import { connectedCaller, rawCaller } from "./raw-mcp.ts";

/** As many as an agent takes of one caller at once. */
const MANY = 32;
const TEXT = "y".repeat(120);

interface Facts {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly rawAddress: string;
}

type Work = (n: number) => Promise<void>;

export async function agents({ quick }: BenchOptions): Promise<readonly Line[]> {
  await using peer = await startPeer<Facts>("./agents-peer.ts");
  const { peerId, addresses, rawAddress } = peer.facts;
  await using node = await createNode({
    network: libp2p({ profile: "testnet", bootstrap: addresses }),
    networkName: "bench",
    messageRates: openRates,
  });
  await node.connect(addresses[0] ?? "");
  const target = `${peerId}:echo`;
  const raw = await rawPeer([]);
  await using _stop = { [Symbol.asyncDispose]: async () => raw.stop() };
  const channel = await node.open(target, { proto: "mcp", mode: "call" });
  const works: Readonly<Record<string, Work>> = {
    node: byCaller(await connectedCaller(channelTransport(channel))),
    call: async (n) =>
      check(await node.call(`${target}/tools/call`, { name: "echo", arguments: given(n) }), n),
    raw: byCaller(await rawCaller(raw, rawAddress)),
  };
  const forMs = quick ? 50 : 700;
  for (const work of Object.values(works)) await underLoad({ atOnce: MANY, forMs: quick ? 30 : 600 }, work);

  const tookMs = new Map<string, number[]>();
  const measures = Object.fromEntries(
    Object.entries(works).flatMap(([name, work]) =>
      [MANY, 1].map((atOnce) => [
        `${name}${atOnce}`,
        async () => {
          const load = await underLoad({ atOnce, forMs }, work);
          tookMs.set(`${name}${atOnce}`, [...(tookMs.get(`${name}${atOnce}`) ?? []), ...load.tookMs]);
          return load.perSecond;
        },
      ]),
    ),
  );
  const rates = await inTurn(quick ? 1 : 5, measures);
  const both = (atOnce: number): readonly Line[] => {
    const rate = (name: string) => rates[`${name}${atOnce}`] ?? 0;
    const p99 = (name: string) => percentile(tookMs.get(`${name}${atOnce}`) ?? [], 0.99);
    return [
      line(
        { name: `tools/call, ${atOnce} in flight`, value: rate("node"), unit: "calls/s" },
        { name: "SDK on a raw stream", value: rate("raw"), unit: "calls/s" },
        { name: "node.call", value: rate("call"), unit: "calls/s" },
      ),
      line(
        { name: `tools/call p99, ${atOnce} in flight`, value: p99("node"), unit: "ms" },
        { name: "SDK on a raw stream p99", value: p99("raw"), unit: "ms" },
        { name: "node.call p99", value: p99("call"), unit: "ms" },
      ),
    ];
  };
  const figures = [...both(MANY), ...both(1)];
  await node.stop();
  return [...figures, line({ name: "streams left", value: await streamsLeft(peer), unit: "streams" })];
}

function byCaller(client: Client): Work {
  return async (n) => check(await client.callTool({ name: "echo", arguments: given(n) }), n);
}

const given = (n: number) => ({ n, text: TEXT });

function check(result: unknown, n: number): void {
  const { content } = result as { readonly content: readonly { readonly text: string }[] };
  assert.deepEqual(JSON.parse(content[0]?.text ?? ""), given(n));
}

/** Once the caller is gone, none may be left. */
async function streamsLeft(peer: { ask(message: string): Promise<unknown> }): Promise<number> {
  let left = Number(await peer.ask("streams"));
  for (let look = 0; left > 0 && look < 50; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    left = Number(await peer.ask("streams"));
  }
  assert.equal(left, 0, "streams of calls are left open");
  return left;
}
