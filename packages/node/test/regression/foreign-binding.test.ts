import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes, signBinding } from "@gridmesh/protocol";
import { identityFromSeed } from "../../src/identity.ts";
import { sealRecord } from "../../src/registry/record.ts";
import { seededRandom } from "../../src/testing/seeded-random.ts";
import { testNetwork } from "../../src/testing/index.ts";
import { echoAgent, eventually, NETWORK, rawPeer } from "../node-fixture.ts";
import { memory } from "../../src/network/index.ts";

test("two records of a key that names another's node ban that key, not the node", async () => {
  await using net = await testNetwork(2, { networkName: NETWORK, agents: (n) => [echoAgent(`agent-${n}`)] });
  const [one, two] = net.nodes as [(typeof net.nodes)[0], (typeof net.nodes)[0]];
  await eventually("records", () => one.registry.known().length === 2);
  await using forger = await rawPeer(memory({ hub: net.hub }), 9);
  await forger.transport.dial({ addresses: one.addresses }, { timeoutMs: 1_000 });
  await (await forger.control(one.id)).hello();

  const random = seededRandom(5);
  const { signer } = identityFromSeed(random.bytes(32));
  const nowS = Math.floor(Date.now() / 1000);
  const name = "forged";
  const binding = signBinding({ network: NETWORK, peerId: two.id, name, notAfterS: nowS + 1_000, signer });
  const topic = `gridmesh/${NETWORK}/capability`;
  using _topic = forger.transport.join(topic, () => Promise.resolve("accept"));
  const publish = (word: string) => {
    const terms = { network: NETWORK, signer, binding, nowS, random, name, status: "available" as const };
    const record = sealRecord({ ...terms, seq: 1, capabilities: [word] });
    return forger.transport.publish(topic, canonicalBytes(record));
  };
  const isHeard = () => one.registry.known().some((row) => row.name === name);
  await publish("one");
  await eventually("it is heard", isHeard);
  for (const word of ["two", "three"]) await publish(word);
  await eventually("it is dropped", () => !isHeard());
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual(await two.call(`${one.id}:agent-0/ping`), {});
});
