/** Many bytes between two processes, over one stream and several, near and far, beside the library alone. */

import type { Libp2p } from "@libp2p/interface";
import { wanProxy } from "../packages/node/src/testing/index.ts";
import { fetchBytes, startTransport } from "./bulk-streams.ts";
import { type BenchOptions, inTurn, line, type Line } from "./measure.ts";
import { startPeer } from "./peer.ts";
import { rawBytes, rawPeer } from "./raw-library.ts";

interface Facts {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly rawAddress: string;
}

const MB = 1_000_000;
/** Each way, milliseconds: a round trip of 50. */
const FAR_MS = 25;

export async function bulk({ quick }: BenchOptions): Promise<readonly Line[]> {
  await using peer = await startPeer<Facts>("./bulk-peer.ts");
  const [near, far] = [await reach(peer.facts, 0), await reach(peer.facts, FAR_MS)];
  await using _1 = near;
  await using _2 = far;
  const nearBytes = quick ? MB : 150 * MB;
  const farBytes = quick ? MB : 30 * MB;
  await near.ours(1, nearBytes / 10);
  await near.raw(1, nearBytes / 10);
  const rates = await inTurn(quick ? 1 : 3, {
    near1: () => near.ours(1, nearBytes),
    near1Raw: () => near.raw(1, nearBytes),
    near4: () => near.ours(4, nearBytes),
    near4Raw: () => near.raw(4, nearBytes),
  });
  const slow = await inTurn(1, {
    far1: () => far.ours(1, farBytes / 6),
    far8: () => far.ours(8, farBytes),
    far8Raw: () => far.raw(8, farBytes),
  });
  const figure = (name: string, value: number) => ({ name, value, unit: "MB/s" });
  return [
    line(figure("bulk, 1 stream", rates.near1), figure("libp2p alone", rates.near1Raw)),
    line(figure("bulk, 4 streams", rates.near4), figure("libp2p alone", rates.near4Raw)),
    line(figure("bulk, 1 stream at 50 ms", slow.far1)),
    line(figure("bulk, 8 streams at 50 ms", slow.far8), figure("libp2p alone", slow.far8Raw)),
  ];
}

interface Reached extends AsyncDisposable {
  ours(streams: number, bytes: number): Promise<number>;
  raw(streams: number, bytes: number): Promise<number>;
}

/** Links to the other process, each through a proxy that delays when it is far. */
async function reach(facts: Facts, delayMs: number): Promise<Reached> {
  const stack = new AsyncDisposableStack();
  const through = async (address: string): Promise<string> => {
    if (delayMs === 0) return address;
    const port = Number(/\/tcp\/(\d+)/u.exec(address)?.[1]);
    const proxy = stack.use(await wanProxy({ delayMs, port }));
    return `${proxy.address}${address.slice(address.indexOf("/p2p/"))}`;
  };
  const transport = await startTransport();
  stack.defer(() => transport.stop({ deadlineMs: 500 }));
  await transport.dial({ addresses: [await through(facts.addresses[0] ?? "")] }, { timeoutMs: 10_000 });
  const library: Libp2p = await rawPeer([]);
  stack.defer(async () => library.stop());
  const rawAddress = await through(facts.rawAddress);
  return {
    ours: (streams, bytes) => fetchBytes(transport, facts.peerId, { bytes, streams }),
    async raw(streams, bytes) {
      const each = Math.ceil(bytes / streams);
      const startMs = performance.now();
      const all = Array.from({ length: streams }, () => rawBytes(library, rawAddress, each));
      const came = (await Promise.all(all)).reduce((sum, count) => sum + count, 0);
      return came / 1_000 / (performance.now() - startMs);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
