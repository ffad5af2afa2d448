/** The library alone: what its streams do without a node around them, framed by hand. */

import type { Libp2p, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";

const LINES = "/bench/lines/1";
const ONE_LINE = "/bench/one-line/1";
const BYTES = "/bench/bytes/1";
/** As many streams as calls at once, some of them still closing. */
const STREAMS = 512;

/** The same transport, cipher and multiplexer as a node's. */
export function rawPeer(listen: readonly string[]): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen: [...listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({ streamOptions: { maxStreamWindowSize: 262_144, maxReadBufferLength: 1_048_576 } }),
    ],
    connectionMonitor: { enabled: false },
  });
}

/** Echoes JSON lines, one line a stream, and sends as many bytes as the first eight ask for. */
export async function answerRaw(peer: Libp2p): Promise<void> {
  const limits = { maxInboundStreams: STREAMS, maxOutboundStreams: STREAMS };
  const echo = (stream: Stream) => {
    const say = lineSender(stream);
    onLines(stream, (text) => say(JSON.stringify(JSON.parse(text))));
  };
  await peer.handle(LINES, echo, limits);
  await peer.handle(
    ONE_LINE,
    (stream) => {
      const say = lineSender(stream);
      onLines(stream, (text) => {
        say(JSON.stringify(JSON.parse(text)));
        setImmediate(() => void stream.close().catch(() => undefined));
      });
    },
    limits,
  );
  await peer.handle(
    BYTES,
    (stream) => {
      stream.addEventListener(
        "message",
        ({ data }) => {
          const asked = data.subarray();
          const count = new DataView(asked.buffer, asked.byteOffset, 8).getFloat64(0);
          void sendBytes(stream, count).catch(() => undefined);
        },
        { once: true },
      );
    },
    limits,
  );
}

async function sendBytes(stream: Stream, count: number): Promise<void> {
  const piece = new Uint8Array(65_536);
  for (let sent = 0; sent < count; sent += piece.length) {
    if (stream.send(piece.subarray(0, Math.min(piece.length, count - sent)))) continue;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    stream.addEventListener("drain", resolve, { once: true });
    stream.addEventListener("close", reject, { once: true });
    await promise;
  }
  await stream.close();
}

/** Lines out; what gathers in one turn of the loop goes out as one. */
export function lineSender(stream: Stream): (text: string) => void {
  let waiting = "";
  return (text) => {
    if (waiting === "") {
      setImmediate(() => {
        const bytes = Buffer.from(waiting);
        waiting = "";
        if (stream.status === "open") stream.send(bytes);
      });
    }
    waiting += `${text}\n`;
  };
}

export function onLines(stream: Stream, take: (text: string) => void): void {
  let rest = "";
  stream.addEventListener("message", ({ data }) => {
    const texts = `${rest}${Buffer.from(data.subarray()).toString()}`.split("\n");
    rest = texts.pop() ?? "";
    for (const text of texts) take(text);
  });
}

/** Asks one line and takes its answer; `n` tells answers apart. */
export type AskLine = (value: { readonly n: number }) => Promise<unknown>;

/** All on one stream. */
export async function rawLines(peer: Libp2p, address: string): Promise<AskLine> {
  const stream = await peer.dialProtocol(multiaddr(address), LINES);
  const waiting = new Map<number, (answer: unknown) => void>();
  const say = lineSender(stream);
  onLines(stream, (text) => {
    const answer = JSON.parse(text) as { readonly n: number };
    waiting.get(answer.n)?.(answer);
    waiting.delete(answer.n);
  });
  return (value) => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    waiting.set(value.n, resolve);
    say(JSON.stringify(value));
    return promise;
  };
}

/** Each on a stream of its own, as the library's own protocols do. */
export function rawStreams(peer: Libp2p, address: string): AskLine {
  const target = multiaddr(address);
  return async (value) => {
    const stream = await peer.dialProtocol(target, ONE_LINE, { maxOutboundStreams: STREAMS });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    onLines(stream, (text) => resolve(JSON.parse(text)));
    stream.addEventListener("close", () => reject(new Error("the stream ended")));
    lineSender(stream)(JSON.stringify(value));
    const answer = await promise;
    await stream.close();
    return answer;
  };
}

/** Fetches `count` bytes over one stream; resolves with how many came. */
export async function rawBytes(peer: Libp2p, address: string, count: number): Promise<number> {
  const stream = await peer.dialProtocol(multiaddr(address), BYTES, { maxOutboundStreams: STREAMS });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let came = 0;
  stream.addEventListener("message", ({ data }) => {
    came += data.byteLength;
    if (came >= count) resolve(came);
  });
  stream.addEventListener("close", () => reject(new Error("the stream ended early")));
  const asked = new Uint8Array(8);
  new DataView(asked.buffer).setFloat64(0, count);
  stream.send(asked);
  const got = await promise;
  await stream.close();
  return got;
}
