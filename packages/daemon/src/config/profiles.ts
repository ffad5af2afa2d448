import type { JsonValue } from "@gridmesh/protocol";

/** What a profile changes of the defaults; the network's own settings behind it live in the node. */
export const profileDefaults: Readonly<Record<string, Readonly<Record<string, JsonValue>>>> = {
  lan: {
    listen: ["/ip4/0.0.0.0/tcp/4801", "/ip4/0.0.0.0/tcp/4802/ws"],
    "discovery.mdns": true,
    "discovery.dht": true,
    "discovery.dhtMode": "server",
    "control.listen": "127.0.0.1:4880",
  },
  testnet: {
    listen: ["/ip4/127.0.0.1/tcp/0"],
    "discovery.mdns": false,
    "discovery.dht": true,
    "discovery.dhtMode": "server",
    "control.listen": "",
  },
  public: {
    listen: ["/ip4/0.0.0.0/tcp/4801", "/ip4/0.0.0.0/tcp/4802/ws"],
    "discovery.mdns": false,
    "discovery.dht": true,
    "discovery.dhtMode": "auto",
    "control.listen": "127.0.0.1:4880",
  },
  private: {
    listen: ["/ip4/0.0.0.0/tcp/4801", "/ip4/0.0.0.0/tcp/4802/ws"],
    "discovery.mdns": false,
    "discovery.dht": true,
    "discovery.dhtMode": "auto",
    "control.listen": "127.0.0.1:4880",
  },
};
