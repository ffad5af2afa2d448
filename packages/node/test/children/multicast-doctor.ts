/** A node that looks for peers by multicast where the kernel has no route for it: tells its finding, then mends the route. */

import { execFileSync } from "node:child_process";
import { createNode } from "../../src/create-node.ts";
import { libp2p } from "../../src/network/index.ts";
import { cleared, fastClock, raised } from "../findings-rig.ts";

const ip = (...words: string[]) => execFileSync("ip", words, { stdio: "pipe" });

ip("link", "set", "lo", "up");
ip("link", "set", "lo", "multicast", "on");
const network = libp2p({ profile: "lan", listen: ["/ip4/127.0.0.1/tcp/0"], dht: false });
await using node = await createNode({ network, networkName: "silent", clock: fastClock(4) });
const { text, fix } = await raised(node, "MDNS_SILENT");
process.stdout.write(`${JSON.stringify({ text, fix })}\n`);
ip("route", "add", "224.0.0.0/4", "dev", "lo");
await cleared(node, "MDNS_SILENT");
process.stdout.write(`${JSON.stringify({ cleared: true })}\n`);
