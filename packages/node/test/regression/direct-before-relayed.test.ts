import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "@libp2p/interface";
import { systemClock } from "../../src/clock.ts";
import { LinkTable } from "../../src/network/libp2p/links.ts";

function connection(address: string, kind: "relayed" | "direct"): Connection {
  const told = kind === "relayed" ? { limits: { bytes: 1_024n }, direct: false } : { direct: true };
  const remotePeer = { toString: () => "peer" };
  return {
    ...told,
    remotePeer,
    remoteAddr: address,
    direction: "inbound",
    status: "open",
  } as unknown as Connection;
}

test("once there is a direct way to a peer, what opens goes over it and not through the relay", () => {
  const links = new LinkTable(systemClock());
  const relayed = connection("/relayed", "relayed");
  const direct = connection("/direct", "direct");
  links.add(relayed);
  assert.equal(links.link("peer")?.relayed, true);
  links.add(direct);
  assert.equal(links.connectionTo("peer"), direct);
  assert.deepEqual([links.link("peer")?.relayed, links.link("peer")?.address], [false, "/direct"]);
  links.remove(direct);
  assert.equal(links.connectionTo("peer"), relayed);
});
