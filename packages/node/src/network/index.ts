/** The room's face. */
export { libp2p, type Libp2pOptions } from "./libp2p/choice.ts";
export type { MetricSink } from "./metric-sink.ts";
export { type KnownPeerRow, type KnownPeerStore, knownPeers, memoryPeerStore } from "./known-peers.ts";
export { memory, type MemoryOptions } from "./memory.ts";
export { type MemoryFaults, type MemoryHub, memoryHub } from "./memory-hub.ts";
export type { NetworkChoice, TransportContext } from "./network-choice.ts";
export { profiles } from "./profiles.ts";
export { createSupervisor } from "./supervisor.ts";
export type { Supervisor } from "./supervisor-types.ts";
export type { BoundedStream } from "./stream-types.ts";
export type { NetworkSnapshot } from "./snapshot.ts";
export type { Transport, Verdict } from "./transport.ts";
