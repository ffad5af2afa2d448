import type { ConnectionProtector, ConnectionEncrypter, Metrics, Transport } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import type { Libp2pOptions } from "libp2p";
import { keptKeyCrypto } from "./cipher.ts";
import { corked } from "./corked.ts";
import { withSparingLengths } from "./noise-lengths.ts";
import { optional } from "./optional.ts";
import { withLimits } from "./relay-limits.ts";
import type { TransportSettings } from "./settings.ts";
import { guardedWebSockets, type SocketGate } from "./web-sockets.ts";

type Components = Parameters<NonNullable<Libp2pOptions["transports"]>[number]>[0];
type Part<T> = (components: Components) => T;

/** What of libp2p a node is built of besides the parts that every node has; each is loaded only where it is used. */
export async function transports(
  { profile, reach, memoryLatencyMs }: TransportSettings,
  gate: SocketGate,
): Promise<Part<Transport>[]> {
  if (profile.name === "memory") {
    const { memory } = await optional(
      "@libp2p/memory",
      "the profile memory",
      async () => await import("@libp2p/memory"),
    );
    return [memory({ latency: memoryLatencyMs })];
  }
  const list: Part<Transport>[] = [corked(tcp()), guardedWebSockets(gate)];
  if (reach.relay !== "off") {
    const { circuitRelayTransport } = await import("@libp2p/circuit-relay-v2");
    list.push(withLimits(circuitRelayTransport()));
  }
  if (reach.quic) {
    const { quic } = await optional(
      "@chainsafe/libp2p-quic",
      "reach.quic",
      async () => await import("@chainsafe/libp2p-quic"),
    );
    list.push(quic());
  }
  return list;
}

export async function encrypters({ reach }: TransportSettings): Promise<Part<ConnectionEncrypter>[]> {
  const secure = withSparingLengths(noise({ crypto: keptKeyCrypto() }));
  if (!reach.tls) return [secure];
  const { tls } = await optional("@libp2p/tls", "reach.tls", async () => await import("@libp2p/tls"));
  return [secure, tls()];
}

export async function protector({ psk }: TransportSettings): Promise<Part<ConnectionProtector> | undefined> {
  if (psk === undefined) return undefined;
  const { preSharedKey } = await import("@libp2p/pnet");
  return preSharedKey({ psk: new TextEncoder().encode(psk) });
}

export async function libp2pMetrics({ metrics }: TransportSettings): Promise<Part<Metrics> | undefined> {
  const { libp2pRegistry } = metrics;
  if (libp2pRegistry === undefined) return undefined;
  const { prometheusMetrics } = await optional(
    "@libp2p/prometheus-metrics",
    "metrics.libp2p",
    async () => await import("@libp2p/prometheus-metrics"),
  );
  return prometheusMetrics({ registry: libp2pRegistry as never, collectDefaultMetrics: false });
}

/** Services that find out who reaches us, and help others to be reached. */
export async function reachServices({
  reach,
  psk,
}: TransportSettings): Promise<Record<string, Part<unknown>>> {
  const services: Record<string, Part<unknown>> = {};
  if (reach.autonat || reach.relay !== "off") {
    // Addresses and the DHT's mode change while links stand: those at the other end have to hear it.
    const { identifyPush } = await import("@libp2p/identify");
    services["push"] = identifyPush();
  }
  if (reach.autonat) {
    const { autoNATv2 } = await import("@libp2p/autonat-v2");
    services["autonat"] = autoNATv2();
  }
  if (reach.holePunch && reach.relay !== "off") {
    const { dcutr } = await import("@libp2p/dcutr");
    services["dcutr"] = dcutr();
  }
  if (reach.relay === "serve") {
    const { circuitRelayServer } = await import("@libp2p/circuit-relay-v2");
    services["relay"] = circuitRelayServer({
      reservations: {
        maxReservations: 128,
        // Inside a private network everyone is known.
        applyDefaultLimit: psk === undefined,
        defaultDurationLimit: 3_600_000,
        // A number here would be taken for no limit at all, in silence.
        defaultDataLimit: 268_435_456n,
      },
    });
  }
  if (reach.upnp) {
    const { uPnPNAT } = await optional(
      "@libp2p/upnp-nat",
      "reach.upnp",
      async () => await import("@libp2p/upnp-nat"),
    );
    services["upnp"] = uPnPNAT();
  }
  return services;
}
