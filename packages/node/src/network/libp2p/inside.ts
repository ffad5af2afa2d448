import type { DCUtRServiceComponents } from "@libp2p/dcutr";

/** What libp2p keeps to itself and only a service is handed. */
export type Inside = Pick<
  DCUtRServiceComponents,
  "addressManager" | "connectionManager" | "transportManager" | "peerStore"
>;

/** As a service this gives the node's own parts; it starts and stops nothing. */
export function inside(): (components: Inside) => Inside {
  return ({ addressManager, connectionManager, transportManager, peerStore }) => ({
    addressManager,
    connectionManager,
    transportManager,
    peerStore,
  });
}
