import type { Ping } from "@libp2p/ping";
import type { kadDHT } from "@libp2p/kad-dht";

type Components = Parameters<ReturnType<typeof kadDHT>>[0];

/** A handshake this long ago proves that a peer lives as well as a ping would. */
const PROVEN_MS = 60_000;

/** The DHT pings whom it takes into its table, over a stream of its own each: whoever is just linked needs none. */
export function withoutNeedlessPings(components: Components): Components {
  const { ping, connectionManager } = components;
  const sparing: Pick<Ping, "ping"> = {
    async ping(peer, options) {
      const ids = "toMultihash" in peer ? peer : undefined;
      const fresh = connectionManager
        .getConnections(ids)
        .some(({ status, timeline }) => status === "open" && Date.now() - timeline.open < PROVEN_MS);
      return ids !== undefined && fresh ? 0 : await ping.ping(peer, options);
    },
  };
  return new Proxy(components, {
    get: (all, name) => (name === "ping" ? sparing : (Reflect.get(all, name) as unknown)),
  });
}
