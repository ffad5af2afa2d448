/** Tools for those who test programs built on nodes. */
export { type MemoryFaults, type MemoryHub, memoryHub } from "../network/memory-hub.ts";
export { memoryDisk, type MemoryDisk } from "../trade/memory-disk.ts";
export { type ManualClock, manualClock } from "./manual-clock.ts";
export { seededRandom } from "./seeded-random.ts";
export { type TestNetwork, testNetwork, type TestNetworkOptions } from "./test-network.ts";
export { type WanDirection, type WanProxy, wanProxy, type WanProxyOptions } from "./wan-proxy.ts";
export type { WanConditions } from "./wan-way.ts";
