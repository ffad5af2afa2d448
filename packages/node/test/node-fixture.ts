/** Agents and a peer of no manners, for tests of whole nodes. */

import {
  canonicalBytes,
  encodeFrame,
  helloHash,
  type HelloOffer,
  type JsonObject,
  type JsonValue,
  negotiate,
  ownOffer,
  parseCanonical,
  seal,
  type SealOptions,
} from "@gridmesh/protocol";
import type { AgentDefinition } from "../src/agent.ts";
import { systemClock } from "../src/clock.ts";
import { type Identity, identityFromSeed } from "../src/identity.ts";
import { silentLog } from "../src/log.ts";
import type { BoundedStream, NetworkChoice, Transport } from "../src/network/index.ts";
import type { NodeAgent } from "../src/node-options.ts";
import { seededRandom } from "../src/testing/seeded-random.ts";

export const NETWORK = "testnet";

/** An agent with one tool `echo`, a method that fails and one that never answers. */
export function echoAgent(name: string, capabilities: readonly string[] = ["echo"]): NodeAgent {
  return { name, definition: echoDefinition(capabilities) };
}

export function echoDefinition(capabilities: readonly string[] = ["echo"]): AgentDefinition {
  return {
    capabilities,
    tools: {
      echo: {
        description: "Gives back its arguments",
        inputSchema: { type: "object" },
        handler: (given) => given,
      },
    },
    methods: {
      fail() {
        throw new Error("/home/somebody/secret is not there");
      },
      hang: (_params, { signal }) =>
        new Promise<JsonValue>((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        }),
      deaf: () => new Promise<JsonValue>(() => undefined),
      whoami: (_params, { caller }) => ({ kind: caller.kind, peerId: caller.peerId }),
    },
  };
}

/** Resolves once the check holds; rejects after the limit. */
export async function eventually(what: string, check: () => boolean, limitMs = 5_000): Promise<void> {
  const clock = systemClock();
  const endMs = clock.monotonicMs() + limitMs;
  while (!check()) {
    if (clock.monotonicMs() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await clock.sleep(10);
  }
}

/** A peer that speaks the wire by hand. */
export interface RawPeer extends AsyncDisposable {
  readonly identity: Identity;
  readonly transport: Transport;
  /** Opens a control stream. */
  control(to: string): Promise<RawChannel>;
  /** Answers the hello on a stream that the other side opened, changed as told, and reads on. */
  acknowledge(stream: BoundedStream, spoil?: JsonObject): Promise<void>;
}

export interface RawChannel {
  readonly stream: BoundedStream;
  /** Seals as this peer; `change` may spoil it afterwards. */
  seal(draft: { type: string; [field: string]: unknown }, options?: Partial<SealOptions>): JsonObject;
  send(message: JsonObject): Promise<void>;
  sendBytes(bytes: Uint8Array): Promise<void>;
  /** The next message of the other side; undefined at the end. */
  next(): Promise<JsonObject | undefined>;
  /** hello and its ack. */
  hello(network?: string): Promise<JsonObject | undefined>;
}

/** @param onStream - what it does with a stream the other side opens; nothing by default */
export async function rawPeer(
  choice: NetworkChoice,
  seed: number,
  onStream: (stream: BoundedStream) => void = () => undefined,
): Promise<RawPeer> {
  const clock = systemClock();
  const random = seededRandom(seed);
  const identity = identityFromSeed(random.bytes(32));
  const { peerId } = identity;
  const log = silentLog();
  const transport = await choice.create({
    seed: identity.seed,
    peerId,
    network: NETWORK,
    clock,
    random,
    log,
  });
  // A peer without these is no node at all: the other side may ask for them.
  for (const protocol of ["/gridmesh/control/1", "/gridmesh/rpc/1"]) {
    transport.handle(protocol, { maxFrameBytes: 65_536, maxInboundPerPeer: 64, relayed: true }, onStream);
  }
  await transport.start();

  const control = async (to: string): Promise<RawChannel> => {
    const stream = await transport.open(to, "/gridmesh/control/1", { timeoutMs: 2_000 });
    const channel: RawChannel = {
      stream,
      seal: (draft, options = {}) =>
        seal(
          { recipient_id: to, ...draft },
          {
            network: NETWORK,
            signer: identity.signer,
            nowS: Math.floor(clock.nowMs() / 1000),
            random,
            ...options,
          },
        ),
      send: (message) => channel.sendBytes(canonicalBytes(message)),
      sendBytes: (bytes) => stream.writeFrame(encodeFrame(0, bytes)),
      async next() {
        const frame = await stream.readFrame({ timeoutMs: 3_000 });
        return frame === undefined ? undefined : (parseCanonical(frame.subarray(1)) as JsonObject);
      },
      async hello(network = NETWORK) {
        await channel.send(channel.seal({ type: "hello", ...ownOffer(network, "raw/0") }));
        return channel.next();
      },
    };
    return channel;
  };
  const acknowledge = async (stream: BoundedStream, spoil: JsonObject = {}): Promise<void> => {
    const frame = await stream.readFrame();
    if (frame === undefined) return;
    const hello = parseCanonical(frame.subarray(1)) as JsonObject & HelloOffer;
    const mine = ownOffer(NETWORK, "raw/0");
    const draft = {
      type: "hello_ack",
      recipient_id: stream.peerId,
      ...mine,
      ...negotiate(mine, hello),
      hello_hash: helloHash(hello),
      in_reply_to: hello["message_id"],
      ...spoil,
    };
    const nowS = Math.floor(clock.nowMs() / 1000);
    const sealed = seal(draft, { network: NETWORK, signer: identity.signer, nowS, random });
    await stream.writeFrame(encodeFrame(0, canonicalBytes(sealed)));
    while ((await stream.readFrame()) !== undefined);
  };
  return {
    identity,
    transport,
    control,
    acknowledge,
    [Symbol.asyncDispose]: () => transport.stop({ deadlineMs: 500 }),
  };
}

export const heartbeat = {
  type: "heartbeat",
  status: "healthy",
  active_tasks: 0,
  available_capacity: 0.5,
  uptime_seconds: 1,
};
