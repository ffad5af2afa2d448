/** A peer in a process of its own, to be killed: `peer.ts <seed hex> <port>`; prints its address. */

import { systemClock, systemRandom } from "../../src/clock.ts";
import { silentLog } from "../../src/log.ts";
import { libp2p } from "../../src/network/index.ts";
import { peerIdOfSeed } from "../seeds.ts";

const [seedHex = "", port = "0"] = process.argv.slice(2);
const seed = new Uint8Array(Buffer.from(seedHex, "hex"));
const transport = await libp2p({ listen: [`/ip4/127.0.0.1/tcp/${port}`] }).create({
  seed,
  peerId: peerIdOfSeed(seed),
  network: "test",
  clock: systemClock(),
  random: systemRandom(),
  log: silentLog(),
});
await transport.start();
process.send?.(transport.addresses()[0]);
process.on("disconnect", () => process.exit());
