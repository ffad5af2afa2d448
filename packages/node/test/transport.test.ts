import { libp2p, memory, memoryHub } from "../src/network/index.ts";
import { gossipConformance } from "./gossip-conformance.ts";
import { transportConformance } from "./transport-conformance.ts";
import type { Seam } from "./transport-fixture.ts";

const hub = memoryHub({ seed: 1 });
const seams: readonly Seam[] = [
  { name: "memory", choice: () => memory({ hub }), deadAddress: "/memory/99999" },
  { name: "libp2p", choice: () => libp2p({ profile: "testnet" }), deadAddress: "/ip4/127.0.0.1/tcp/1" },
];
for (const seam of seams) {
  transportConformance(seam);
  gossipConformance(seam);
}
