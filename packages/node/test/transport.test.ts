import { memoryHub, memory } from "../src/network/index.ts";
import { transportConformance } from "./transport-conformance.ts";

const hub = memoryHub({ seed: 1 });
transportConformance({
  name: "memory",
  choice: () => memory({ hub }),
  deadAddress: "/memory/99999",
});
