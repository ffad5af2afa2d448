/** A peer in a page: WebSocket, Noise, yamux and gossip, with the protocol's own reading of what is said. */

import { gossipsub, StrictNoSign, TopicValidatorResult } from "@libp2p/gossipsub";
import { identify } from "@libp2p/identify";
import type { Connection, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { webSockets } from "@libp2p/websockets";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { sha256 } from "@noble/hashes/sha2.js";
import { nobleEngine, openEnvelope, type OpenedMessage } from "@gridmesh/protocol";
import { createLibp2p } from "libp2p";

const RPC = "/gridmesh/rpc/1";
const LINE_BYTES = 4 * 1024 * 1024;

export interface PagePeer {
  readonly id: string;
  /** Dials a node's ws address; its PeerId. */
  connect(address: string): Promise<string>;
  /** Told of each advertisement of an agent whose signature held. */
  onAdvertisement(fn: (opened: OpenedMessage) => void): void;
  /** Calls a method of the node (`node/get_info`) or of one of its agents (`<PeerId>:echo/echo`). */
  call(nodeId: string, method: string, params?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts a peer with a fresh key that listens nowhere. */
export async function startPeer(network: string): Promise<PagePeer> {
  const topic = `gridmesh/${network}/capability`;
  const node = await createLibp2p({
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // By default a page dials no private address, loopback among them.
    connectionGater: { denyDialMultiaddr: () => false },
    services: {
      identify: identify(),
      // As the network has it: no author, no signature around the signed message, its hash as its id.
      gossip: gossipsub({
        globalSignaturePolicy: StrictNoSign,
        msgIdFn: (message) => sha256.create().update(utf8(message.topic)).update(message.data).digest(),
        allowPublishToZeroTopicPeers: true,
      }),
    },
  });
  const { gossip } = node.services;
  const listeners = new Set<(opened: OpenedMessage) => void>();
  gossip.topicValidators.set(topic, (_from, { data }) => {
    try {
      const opened = openEnvelope(data, {
        network,
        engine: nobleEngine,
        nowS: Math.floor(Date.now() / 1_000),
        isMine: (recipient) => recipient === "*",
      });
      for (const fn of listeners) fn(opened);
      return TopicValidatorResult.Accept;
    } catch {
      return TopicValidatorResult.Ignore;
    }
  });
  gossip.subscribe(topic);
  const links = new Map<string, Connection>();
  return {
    id: node.peerId.toString(),
    async connect(address) {
      const link = await node.dial(multiaddr(address));
      links.set(link.remotePeer.toString(), link);
      return link.remotePeer.toString();
    },
    onAdvertisement: (fn) => void listeners.add(fn),
    async call(nodeId, method, params = {}) {
      const link = links.get(nodeId);
      if (link === undefined) throw new Error(`no link with ${nodeId}`);
      const stream = await link.newStream(RPC);
      try {
        return await callOver(stream, method, params);
      } finally {
        void stream.close();
      }
    },
    stop: async () => node.stop(),
  };
}

/** One call on a stream of its own: an opening line, its answer, the request, its answer. */
async function callOver(stream: Stream, method: string, params: unknown): Promise<unknown> {
  const lines = linesOf(stream);
  stream.send(utf8(`${JSON.stringify({ v: 1, to: "node", proto: "plain", mode: "call" })}\n`));
  stream.send(utf8(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })}\n`));
  const opened = (await lines.next()).value;
  if (opened?.["ok"] !== true) throw new Error(`not opened: ${JSON.stringify(opened)}`);
  const answer = (await lines.next()).value;
  if (answer?.["error"] !== undefined) throw new Error(JSON.stringify(answer["error"]));
  return answer?.["result"];
}

async function* linesOf(stream: Stream): AsyncGenerator<Readonly<Record<string, unknown>>, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk.subarray(), { stream: true });
    if (text.length > LINE_BYTES) throw new Error("a line without end");
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      if (line.trim() !== "") yield JSON.parse(line) as Readonly<Record<string, unknown>>;
    }
  }
  return undefined;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
