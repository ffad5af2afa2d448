import { type Address, parseAddress } from "@gridmesh/protocol";

/** Addresses read once: a PeerId costs more to check than a call to send. */
const KEPT = 1_024;

/** An address with the method text that goes to its node, whole. */
export interface KnownAddress {
  readonly address: Address;
  /** `<PeerId>:<agent>/<method>`; for a bare method and a capability the text as it was given. */
  readonly wire: string;
}

export interface AddressBook {
  /** @throws ADDRESS_INVALID; what is no address is not remembered. */
  read(text: string): KnownAddress;
}

export function createAddressBook(): AddressBook {
  const known = new Map<string, KnownAddress>();
  return {
    read(text) {
      const seen = known.get(text);
      if (seen !== undefined) return seen;
      const address = parseAddress(text);
      const fresh = { address, wire: wireOf(address, text) };
      // Who asks for a thousand addresses in turn gains nothing from the oldest of them.
      if (known.size >= KEPT) known.clear();
      known.set(text, fresh);
      return fresh;
    },
  };
}

function wireOf(address: Address, text: string): string {
  if (address.kind === "agent") return `${address.nodeId}:${address.agent}/${address.method}`;
  if (address.kind === "node") return `${address.nodeId}:node/${address.method}`;
  return text;
}
