/** A node in a process of its own with one agent, to be killed: `provider.ts <network> <word> <bootstrap> <name>`. */

import type { JsonValue } from "@gridmesh/protocol";
import { createNode } from "../../src/create-node.ts";
import { libp2p } from "../../src/network/index.ts";

const [networkName = "", word = "", bootstrap = "", name = ""] = process.argv.slice(2);
const work = async (): Promise<JsonValue> => {
  process.send?.("begun");
  await new Promise((resolve) => setTimeout(resolve, 20));
  return { name };
};
const node = await createNode({
  network: libp2p({ profile: "testnet", bootstrap: [bootstrap] }),
  networkName,
  agents: [{ name, definition: { capabilities: [word], methods: { "x/list": work, deed: work } } }],
});
process.send?.(node.id);
process.on("disconnect", () => process.exit());
