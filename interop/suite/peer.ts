/**
 * Our libp2p node as the suite of js-libp2p's own project wants it: with keys, encryption and services that it never has
 * in a network of its own. Transports, gater, limits, muxer, store, identify, ping and relay are those of every node.
 */

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { privateKeyFromProtobuf } from "@libp2p/crypto/keys";
import { gossipsub } from "@libp2p/gossipsub";
import { kadDHT, passthroughMapper } from "@libp2p/kad-dht";
import { noise } from "@libp2p/noise";
import { tls } from "@libp2p/tls";
import { identityFromSeed, silentLog, systemClock, systemRandom } from "@gridmesh/node";
import { MemoryDatastore } from "datastore-core";
import { createLibp2p, type Libp2pOptions } from "libp2p";
import { settingsOf } from "../../packages/node/src/network/libp2p/choice.ts";
import { Gater } from "../../packages/node/src/network/libp2p/gater.ts";
import { GuardedDatastore } from "../../packages/node/src/network/libp2p/guarded-datastore.ts";
import { LinkTable } from "../../packages/node/src/network/libp2p/links.ts";
import { nodeSettings } from "../../packages/node/src/network/libp2p/options.ts";

/** What the suite asks of a peer. */
export interface Wanted {
  /** A file with a key in libp2p's protobuf. */
  readonly key?: string;
  readonly encryption?: "noise" | "tls" | "plaintext";
  readonly dht?: boolean;
  readonly pubsub?: boolean;
  readonly pubsubRouter?: "gossipsub" | "floodsub";
  readonly muxer?: "mplex" | "yamux";
  readonly relay?: boolean;
  readonly noListen?: boolean;
  readonly transport?: "tcp" | "webtransport" | "webrtc-direct";
}

/** What this node has no part of, taken from the suite's own packages. */
export interface Borrowed {
  readonly plaintext: () => NonNullable<Libp2pOptions["connectionEncrypters"]>[number];
  readonly floodsub: () => NonNullable<Libp2pOptions["services"]>[string];
}

const VALUE_BYTES = 8 * 1024;

/** The guarded store, with room for small values. */
class ValueStore extends GuardedDatastore {
  override put(
    ...[key, value, options]: Parameters<MemoryDatastore["put"]>
  ): ReturnType<MemoryDatastore["put"]> {
    const isValue = key.toString().startsWith("/dht/record/") && value.byteLength <= VALUE_BYTES;
    return isValue
      ? MemoryDatastore.prototype.put.call(this, key, value, options)
      : super.put(key, value, options);
  }
}

/** A node that runs. */
export async function startOurs(wanted: Wanted, borrowed: Borrowed) {
  const clock = systemClock();
  const settings = settingsOf({
    profile: "testnet",
    listen: wanted.noListen === true ? [] : ["/ip4/127.0.0.1/tcp/0"],
    dht: false,
    reach: { relay: wanted.relay === true ? "serve" : "use", holePunch: false },
  });
  const seed = new Uint8Array(randomBytes(32));
  const { peerId } = identityFromSeed(seed);
  const gater = new Gater({
    profile: settings.profile,
    self: peerId,
    monotonicMs: () => clock.monotonicMs(),
    trusted: settings.trustedRanges,
    isAnchor: () => false,
    bannedPeer: () => false,
    bannedIp: () => false,
    onFlood: () => undefined,
    provesReach: false,
    links: new LinkTable(clock),
  });
  // The suite says whom to dial, past what our supervisor would allow.
  gater.allowQuery();
  const init = await nodeSettings({
    settings,
    context: {
      seed,
      peerId,
      network: "interop-suite",
      clock,
      random: systemRandom(),
      log: silentLog(),
    },
    gater,
    datastore: new ValueStore(),
    multicast: undefined,
    labels: new Map(),
  });
  const { pubsub: _, ...services } = init.services;
  const all = { ...services, ...servicesOf(wanted, borrowed) } as unknown as NonNullable<
    Libp2pOptions["services"]
  >;
  const node = await createLibp2p({
    ...(init as unknown as Libp2pOptions),
    ...(wanted.key === undefined ? {} : { privateKey: privateKeyFromProtobuf(readFileSync(wanted.key)) }),
    connectionEncrypters: [encrypterOf(wanted, borrowed)],
    services: all,
  });
  await node.start();
  return node;
}

function encrypterOf({ encryption }: Wanted, { plaintext }: Borrowed) {
  if (encryption === "plaintext") return plaintext();
  return encryption === "tls" ? tls() : noise();
}

/** Signed by their authors, and with the library's ids: other than in our networks, but what others have by default. */
function servicesOf({ pubsub, pubsubRouter, dht }: Wanted, { floodsub }: Borrowed) {
  return {
    ...(pubsub === true ? { pubsub: pubsubRouter === "floodsub" ? floodsub() : gossipsub() } : {}),
    ...(dht === true
      ? { dht: kadDHT({ protocol: "/ipfs/kad/1.0.0", peerInfoMapper: passthroughMapper, clientMode: false }) }
      : {}),
  };
}
