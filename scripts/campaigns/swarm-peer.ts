/** One of many processes that start at once: `swarm-peer.ts <seed hex> <bootstrap> <port>`; speaks to its parent. */

import {
  createSupervisor,
  knownPeers,
  libp2p,
  memoryPeerStore,
} from "../../packages/node/src/network/index.ts";
import { systemClock, systemRandom } from "../../packages/node/src/clock.ts";
import { silentLog } from "../../packages/node/src/log.ts";
import { peerIdOfSeed } from "../../packages/node/test/seeds.ts";

const TOPIC = "gridmesh/test/search/energy";
const [seedHex = "", bootstrap = "", port = "0"] = process.argv.slice(2);
const seed = new Uint8Array(Buffer.from(seedHex, "hex"));
const clock = systemClock();
const transport = await libp2p({ listen: [`/ip4/127.0.0.1/tcp/${port}`] }).create({
  seed,
  peerId: peerIdOfSeed(seed),
  network: "test",
  clock,
  random: systemRandom(),
  log: silentLog(),
});
const heard = new Map<string, number>();
await transport.start();
transport.join(TOPIC, (_from, data) => {
  const text = Buffer.from(data).toString();
  heard.set(text, (heard.get(text) ?? 0) + 1);
  return Promise.resolve("accept");
});
const supervisor = createSupervisor({
  transport,
  clock,
  random: systemRandom(),
  log: silentLog(),
  bootstrap: bootstrap === "" ? [] : [bootstrap],
  knownPeers: knownPeers({ store: memoryPeerStore(), clock }),
});
await supervisor.start();

const tell = () => {
  if (!process.connected) return;
  const { links, connections, topics, dials } = transport.snapshot();
  const [topic] = topics;
  const told = {
    ready: (topic?.meshPeers ?? 0) > 0,
    links,
    connections,
    heard: heard.size,
    repeated: [...heard.values()].filter((times) => times > 1).length,
    dials: supervisor.state().dials,
    ended: dials,
  };
  // A parent that leaves at this moment hears nothing more: that is no error.
  process.send?.(told, undefined, undefined, () => undefined);
};
const timer = setInterval(tell, 50);
process.on("message", async (message) => {
  if (typeof message !== "object" || message === null || !("publish" in message)) return;
  for (let index = 0; index < Number(message.publish); index += 1) {
    await transport.publish(TOPIC, Buffer.from(`${transport.peerId} ${index}`));
  }
});
process.on("disconnect", () => {
  clearInterval(timer);
  process.exit();
});
