/** Rows of links: transports, identify, ping, private networks, relays, peers that were killed. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { addressOf, isLinked, type Kit, type Row, until, wait } from "./kit.ts";
import { startedDaemon } from "./daemon.ts";

const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

async function timed(work: () => Promise<unknown>): Promise<string> {
  const startMs = performance.now();
  await work();
  return ms(performance.now() - startMs);
}

function dialRows(over: "tcp" | "ws"): readonly Row[] {
  return [
    {
      name: `${over}, ours dials`,
      async run(kit) {
        const [node, foreign] = [await kit.node(), await kit.foreign()];
        const took = await timed(() => node.connect(foreign.address(over), wait));
        await until("both say linked", async () => {
          const { linked } = await foreign.ask("linked", { peerId: node.id });
          return linked === true && isLinked(node, foreign.peerId);
        });
        return took;
      },
    },
    {
      name: `${over}, theirs dials`,
      async run(kit) {
        const [node, foreign] = [await kit.node(), await kit.foreign()];
        const took = await timed(() => foreign.ask("dial", { address: addressOf(node, over) }));
        await until("we see the link", () => isLinked(node, foreign.peerId));
        return took;
      },
    },
  ];
}

async function linked(kit: Kit) {
  const [node, foreign] = [await kit.node(), await kit.foreign()];
  await foreign.ask("dial", { address: addressOf(node) });
  await until("a link", () => isLinked(node, foreign.peerId));
  return { node, foreign };
}

const talk: readonly Row[] = [
  {
    name: "identify, ours is known there",
    async run(kit) {
      const { node, foreign } = await linked(kit);
      let protocols: readonly string[] = [];
      await until("our protocols there", async () => {
        const said = await foreign.ask("identify", { peerId: node.id });
        protocols = said["protocols"] as string[];
        return protocols.length > 0;
      });
      for (const protocol of ["/gridmesh/rpc/1", "/gridmesh/kad/1", "/ipfs/ping/1.0.0"]) {
        assert.ok(protocols.includes(protocol), `${protocol} is told: ${protocols.join(" ")}`);
      }
      return `${protocols.length} protocols`;
    },
  },
  {
    name: "identify, theirs is known here",
    async run(kit) {
      const { node } = await linked(kit);
      // Only who named the table's protocol enters it.
      await until("the peer in our table", () => node.snapshot().dhtTablePeers === 1);
      return "in the table";
    },
  },
  {
    name: "ping, ours asks",
    async run(kit) {
      const { node, foreign } = await linked(kit);
      return ms(await node.ping(foreign.peerId, wait));
    },
  },
  {
    name: "ping, theirs asks",
    async run(kit) {
      const { node, foreign } = await linked(kit);
      return ms(Number((await foreign.ask("ping", { peerId: node.id }))["ms"]));
    },
  },
  {
    name: "kept without a hello",
    async run(kit) {
      const { node, foreign } = await linked(kit);
      const lost = () => node.metrics().find(({ name }) => name === "link_lost_total")?.samples.length ?? 0;
      const before = lost();
      // A peer of the network has ten seconds to greet.
      await new Promise((resolve) => setTimeout(resolve, 12_000));
      assert.ok(isLinked(node, foreign.peerId), "linked after 12 s");
      assert.equal(lost(), before);
      return "12 s";
    },
  },
];

const pskOf = () => `/key/swarm/psk/1.0.0/\n/base16/\n${randomBytes(32).toString("hex")}\n`;

const secrets: readonly Row[] = [
  {
    name: "private network, same key",
    async run(kit) {
      const psk = pskOf();
      const listen = ["/ip4/127.0.0.1/tcp/0"];
      const node = await kit.node({ listen, reach: { psk } });
      const one = await kit.foreign({ listen, psk });
      const other = await kit.foreign({ listen, psk });
      await node.connect(one.address(), wait);
      await other.ask("dial", { address: addressOf(node) });
      await until("both links", () => [one, other].every(({ peerId }) => isLinked(node, peerId)));
      return ms(await node.ping(one.peerId, wait));
    },
  },
  {
    name: "private network, other key or none",
    async run(kit) {
      const listen = ["/ip4/127.0.0.1/tcp/0"];
      const node = await kit.node({ listen, reach: { psk: pskOf() } });
      const strangers = [await kit.foreign({ listen, psk: pskOf() }), await kit.foreign({ listen })];
      for (const stranger of strangers) {
        await assert.rejects(node.connect(stranger.address(), wait), { code: "PEER_UNREACHABLE" });
        await assert.rejects(stranger.ask("dial", { address: addressOf(node) }));
        assert.ok(!isLinked(node, stranger.peerId));
      }
      return "4 dials refused";
    },
  },
];

const relays: readonly Row[] = [
  {
    name: "relay of ours, theirs is called",
    async run(kit) {
      // Without the DHT nobody finds the direct way.
      const relay = await kit.node({ dht: false, reach: { relay: "serve" } });
      const dialer = await kit.node({ dht: false, reach: { relay: "use", holePunch: false } });
      const guest = await kit.foreign();
      await guest.ask("dial", { address: addressOf(relay) });
      const { address } = await guest.ask("reserve", { address: addressOf(relay) });
      await dialer.connect(String(address), wait);
      assert.deepEqual(await dialer.call(`${guest.peerId}:echo/echo`, { over: "relay" }, wait), {
        over: "relay",
      });
      return "echo";
    },
  },
  {
    name: "relay of theirs, ours is called",
    async run(kit) {
      const relay = await kit.foreign({ relay: true });
      const dialer = await kit.foreign();
      const reach = { relay: "use", holePunch: false } as const;
      const guest = await kit.node({ dht: false, reach, bootstrap: [relay.address()] });
      const circuit = () => guest.addresses.find((address) => address.includes("/p2p-circuit"));
      await until("a place at the relay", () => circuit() !== undefined, 60_000);
      const address = `${relay.address()}/p2p-circuit/p2p/${guest.id}`;
      await dialer.ask("dial", { address });
      const told = await dialer.ask("call", {
        peerId: guest.id,
        to: "node",
        method: "node/get_info",
        params: {},
      });
      assert.equal((told["result"] as { node_id: string }).node_id, guest.id);
      return "node/get_info";
    },
  },
];

const killed: readonly Row[] = [
  {
    name: "theirs killed with -9 and back",
    async run(kit) {
      const first = await kit.foreign();
      const listen = [first.address().replace(/\/p2p\/.*/u, "")];
      const node = await kit.node({}, { links: { static: [first.address()] } });
      await until("the first link", () => isLinked(node, first.peerId));
      await first.kill();
      await until("the loss is seen", () => !isLinked(node, first.peerId));
      const back = await kit.foreign({ listen, seed: first.seed });
      const took = await timed(() => until("linked again", () => isLinked(node, back.peerId)));
      assert.deepEqual(await node.call(`${back.peerId}:echo/echo`, [1], wait), [1]);
      return `linked after ${took}`;
    },
  },
  {
    name: "our daemon killed with -9 and back",
    async run(kit) {
      const foreign = await kit.foreign();
      const first = await startedDaemon(kit.undo);
      await foreign.ask("dial", { address: first.address });
      const asked = { peerId: first.nodeId, to: "node", method: "node/get_info", params: {} };
      const told = async () => (await foreign.ask("call", asked))["result"] as { node_id: string };
      assert.equal((await told()).node_id, first.nodeId);
      await first.kill();
      await until("the loss is seen there", async () => {
        return (await foreign.ask("linked", { peerId: first.nodeId }))["linked"] === false;
      });
      const again = await startedDaemon(kit.undo, first);
      assert.equal(again.nodeId, first.nodeId);
      // The daemon remembers the peer and may dial first: then it refuses the second connection.
      await foreign.ask("dial", { address: again.address }).catch(() => undefined);
      await until("linked again", async () => {
        return (await foreign.ask("linked", { peerId: first.nodeId }))["linked"] === true;
      });
      assert.equal((await told()).node_id, first.nodeId);
      return "same PeerId";
    },
  },
];

export const linkRows: readonly Row[] = [
  ...dialRows("tcp"),
  ...dialRows("ws"),
  ...talk,
  ...secrets,
  ...relays,
  ...killed,
];
