/** A node in a process of its own, to be killed: `listener.ts <home> <port>`; tells its address and each word it hears. */

import * as z from "zod";
import { createNode } from "../../src/create-node.ts";
import { libp2p } from "../../src/network/index.ts";
import { NETWORK } from "../node-fixture.ts";

const [home = "", port = "0"] = process.argv.slice(2);
const network = libp2p({ listen: [`/ip4/127.0.0.1/tcp/${port}`] });
const node = await createNode({ network, networkName: NETWORK, home });
node.extensions.register({
  name: "ext:test.word",
  major: 1,
  schema: z.string(),
  maxBytes: 256,
  streams: ["control"],
  priority: "normal",
  handler: ({ data }) => void process.send?.({ heard: data }),
});
process.send?.({ id: node.id, address: node.addresses[0] });
process.on("disconnect", () => process.exit());
