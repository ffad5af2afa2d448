import type { Transport } from "@libp2p/interface";

interface Upgrader {
  upgradeInbound(connection: unknown, options: { limits?: unknown }): Promise<unknown>;
  upgradeOutbound(connection: unknown, options: { limits?: unknown }): Promise<unknown>;
  createInboundAbortSignal(signal: AbortSignal): unknown;
}

/**
 * A relay of a private network sets no limits, and libp2p then takes its links for direct ones: gossip and the DHT
 * would run over them. With limits that limit nothing they stay what they are.
 */
export function withLimits<C extends object>(
  create: (components: C) => Transport,
): (components: C) => Transport {
  return (components) => {
    const { upgrader } = components as unknown as { upgrader: Upgrader };
    const limited: Upgrader = {
      upgradeInbound: (connection, options) =>
        upgrader.upgradeInbound(connection, { ...options, limits: options.limits ?? {} }),
      upgradeOutbound: (connection, options) =>
        upgrader.upgradeOutbound(connection, { ...options, limits: options.limits ?? {} }),
      createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    };
    return create(Object.create(components, { upgrader: { value: limited } }) as C);
  };
}
