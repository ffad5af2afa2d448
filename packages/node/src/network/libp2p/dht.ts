import { kadDHT, passthroughMapper, removePrivateAddressesMapper, type SingleKadDHT } from "@libp2p/kad-dht";
import type { PeerInfo, TypedEventTarget } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { isProtocolError, ProtocolError } from "@gridmesh/protocol";
import { CID } from "multiformats/cid";
import * as raw from "multiformats/codecs/raw";
import * as Digest from "multiformats/hashes/digest";
import type { Clock, Wait } from "../../clock.ts";
import type { NetworkProfile } from "../profiles.ts";
import type { PeerHint } from "../transport.ts";
import { waitSignal } from "../waiting.ts";
import { spareHearsay, spareWalks } from "./closest.ts";
import type { Gater } from "./gater.ts";
import { tellTogether } from "./told-together.ts";

const SHA2_256 = 0x12;
/** Every query ends: one over an empty table would wait for ever. */
const QUERY_MS = 5_000;
const HOUR_MS = 3_600_000;

/** kad-dht looks validators up on a plain object: without these, `/constructor/x` is accepted with any bytes. */
const valueNames = ["pk", ...Object.getOwnPropertyNames(Object.prototype)].filter(
  (name) => name !== "__proto__",
);

export interface DhtServiceOptions {
  readonly profile: NetworkProfile;
  readonly mode: "auto" | "server" | "client";
  /** Refuses a value and counts it. */
  readonly refuse: () => never;
}

export function dhtService({ profile, mode, refuse }: DhtServiceOptions): ReturnType<typeof kadDHT> {
  return kadDHT({
    protocol: "/gridmesh/kad/1",
    // Unset, it is a client until a public address is confirmed.
    ...(mode === "auto" ? {} : { clientMode: mode === "client" }),
    peerInfoMapper: profile.privateAddresses ? passthroughMapper : removePrivateAddressesMapper,
    initialQuerySelfInterval: profile.initialQuerySelfMs,
    validators: Object.fromEntries(valueNames.map((name) => [name, refuse])),
    reprovide: { validity: 2 * HOUR_MS, threshold: HOUR_MS, interval: HOUR_MS / 6 },
  });
}

export interface Dht {
  provide(key: Uint8Array, wait: Wait): Promise<void>;
  withdraw(key: Uint8Array): Promise<void>;
  providers(key: Uint8Array, wait: Wait): AsyncIterable<PeerHint>;
  findPeer(peerId: string, wait: Wait): Promise<PeerHint>;
  explore(wait: Wait): Promise<void>;
  readonly tablePeers: number;
  readonly mode: "client" | "server";
}

export interface DhtOptions {
  readonly service: SingleKadDHT;
  readonly peerId: string;
  readonly clock: Clock;
  readonly gater: Gater;
  readonly onSighted: (hint: PeerHint) => void;
}

export function dhtOver(options: DhtOptions): Dht {
  const { service, clock, gater } = options;
  const sighting = service as unknown as TypedEventTarget<{ peer: CustomEvent<PeerInfo> }>;
  sighting.addEventListener("peer", ({ detail }) => options.onSighted(hintOf(detail)));
  spareWalks(service, clock);
  spareHearsay(service);
  tellTogether(service, clock);

  /** Runs one query; its peers may be dialled meanwhile. */
  const query = async <T>(wait: Wait, run: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    using limit = waitSignal(clock, { ...wait, timeoutMs: Math.min(wait.timeoutMs ?? QUERY_MS, QUERY_MS) });
    using _ = gater.allowQuery();
    try {
      return await run(limit.signal);
    } catch (error) {
      throw dhtFailure(error, wait);
    }
  };

  return {
    provide: (key, wait) =>
      query(wait, async (signal) => {
        let told = 0;
        try {
          for await (const event of service.provide(cidOf(key), { signal })) {
            if (event.name === "PEER_RESPONSE" && event.messageName === "ADD_PROVIDER") told += 1;
          }
        } catch (error) {
          // Those that took it before time ran out keep it.
          if (told === 0) throw error;
        }
        if (told === 0) throw new ProtocolError("DHT_FAILED", "no peer took the provider record");
      }),
    withdraw: (key) => service.cancelReprovide(cidOf(key)),
    providers: (key, wait) => providersOf(options, key, wait),
    findPeer: (peerId, wait) =>
      query(wait, async (signal) => {
        for await (const event of service.findPeer(peerIdFromString(peerId), { signal })) {
          if (event.name === "FINAL_PEER") return hintOf(event.peer);
        }
        throw new ProtocolError("PEER_NOT_FOUND", "no address is known for this peer");
      }),
    async explore(wait) {
      using limit = waitSignal(clock, wait);
      const own = peerIdFromString(options.peerId).toMultihash().bytes;
      try {
        // The events' peers are sighted by the listener above.
        for await (const _ of service.getClosestPeers(own, { signal: limit.signal })) continue;
      } catch (error) {
        throw dhtFailure(error, wait);
      }
    },
    get tablePeers() {
      return service.routingTable.size;
    },
    get mode() {
      return service.getMode();
    },
  };
}

async function* providersOf(
  { service, clock, gater }: DhtOptions,
  key: Uint8Array,
  wait: Wait,
): AsyncIterable<PeerHint> {
  using limit = waitSignal(clock, { ...wait, timeoutMs: Math.min(wait.timeoutMs ?? QUERY_MS, QUERY_MS) });
  using _ = gater.allowQuery();
  let found = 0;
  try {
    for await (const event of service.findProviders(cidOf(key), { signal: limit.signal })) {
      if (event.name !== "PROVIDER") continue;
      for (const provider of event.providers) {
        found += 1;
        yield hintOf(provider);
      }
    }
  } catch (error) {
    // Those found before time ran out are an answer.
    if (found === 0) throw dhtFailure(error, wait);
  }
}

function dhtFailure(error: unknown, wait: Wait): Error {
  const own = isProtocolError(error) && (error.code === "DHT_FAILED" || error.code === "PEER_NOT_FOUND");
  if (own) return error;
  if (wait.signal?.aborted === true) {
    return new ProtocolError("CALL_CANCELLED", "the caller ended the query", { cause: error });
  }
  if (error instanceof Error && error.name === "NotFoundError") {
    return new ProtocolError("PEER_NOT_FOUND", "no address is known for this peer", { cause: error });
  }
  return new ProtocolError("DHT_FAILED", "the DHT did not answer", { cause: error });
}

function cidOf(key: Uint8Array): CID {
  return CID.createV1(raw.code, Digest.create(SHA2_256, key));
}

function hintOf(info: PeerInfo): PeerHint {
  return {
    peerId: info.id.toString(),
    addresses: info.multiaddrs.map((address) => address.toString()),
  };
}
