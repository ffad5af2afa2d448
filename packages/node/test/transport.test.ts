import { libp2p, memory, memoryHub } from "../src/network/index.ts";
import { transportConformance } from "./transport-conformance.ts";

const hub = memoryHub({ seed: 1 });
transportConformance({
  name: "memory",
  choice: () => memory({ hub }),
  deadAddress: "/memory/99999",
});

transportConformance({
  name: "libp2p",
  choice: () => libp2p({ profile: "testnet" }),
  deadAddress: "/ip4/127.0.0.1/tcp/1",
});
