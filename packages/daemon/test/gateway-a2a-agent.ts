/** An agent of A2A's SDK for the tests of the gateway. */

import type { AgentDefinition } from "@gridmesh/node";
import { SampleExecutor, sampleCard } from "../../node/test/a2a-agents.ts";

export function sample(): AgentDefinition {
  return { capabilities: ["sample"], a2a: new SampleExecutor(), card: sampleCard };
}
