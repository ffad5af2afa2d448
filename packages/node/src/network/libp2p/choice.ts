import { multiaddr } from "@multiformats/multiaddr";
import { ProtocolError } from "@gridmesh/protocol";
import type { NetworkChoice } from "../network-choice.ts";
import { type ProfileName, profiles } from "../profiles.ts";
import { createLibp2pTransport } from "./node.ts";

export interface Libp2pOptions {
  /** Default `testnet`: loopback, any free port. */
  readonly profile?: Exclude<ProfileName, "memory"> | undefined;
  /** Multiaddrs to listen on; default the profile's. */
  readonly listen?: readonly string[] | undefined;
  /** Multiaddrs told to others instead of those listened on. */
  readonly announce?: readonly string[] | undefined;
  /** Multiaddrs of bootstrap peers, ending in /p2p/<PeerId> (only the testnet may leave that out). */
  readonly bootstrap?: readonly string[] | undefined;
  readonly mdns?: boolean | undefined;
  readonly dht?: boolean | undefined;
  /** Default the profile's. */
  readonly dhtMode?: "auto" | "server" | "client" | undefined;
}

/**
 * The network over libp2p, as a choice for `createNode`.
 * @throws CONFIG_INVALID.
 */
export function libp2p(options: Libp2pOptions = {}): NetworkChoice {
  const name = options.profile ?? "testnet";
  const profile = profiles[name];
  if (name === "private") {
    throw new ProtocolError("CONFIG_INVALID", "private networks need a pre-shared key, not supported yet");
  }
  const bootstrap = options.bootstrap ?? [];
  for (const address of bootstrap) checkBootstrap(address, profile.anonymousBootstrap);
  const settings = {
    profile,
    listen: checked(options.listen ?? profile.listen),
    announce: checked(options.announce ?? []),
    mdns: options.mdns ?? profile.mdns,
    dht: options.dht === false ? undefined : (options.dhtMode ?? profile.dhtMode),
  };
  return {
    profile: name,
    bootstrap,
    mdns: settings.mdns,
    dht: settings.dht !== undefined,
    create: (context) => createLibp2pTransport(settings, context),
  };
}

function checkBootstrap(address: string, anonymous: boolean): void {
  checked([address]);
  if (anonymous || /\/p2p\/[^/]+$/u.test(address)) return;
  throw new ProtocolError("CONFIG_INVALID", `a bootstrap address ends in /p2p/<PeerId>: ${address}`);
}

function checked(addresses: readonly string[]): readonly string[] {
  for (const address of addresses) {
    try {
      multiaddr(address);
    } catch (error) {
      throw new ProtocolError("CONFIG_INVALID", `not a multiaddr: ${address}`, { cause: error });
    }
  }
  return addresses;
}
