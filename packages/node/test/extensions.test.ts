/** Messages of anybody's making: known ones are acted upon, unknown ones refused or counted, alerts believed of few. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  agentIdFromPeerId,
  type Extension,
  type JsonObject,
  type JsonValue,
  seal,
  shippedExtensions,
  signBinding,
} from "@gridmesh/protocol";
import * as z from "zod";
import { createNode } from "../src/create-node.ts";
import { identityFromSeed } from "../src/identity.ts";
import { memory, memoryHub } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import { seededRandom } from "../src/testing/index.ts";
import { eventually, NETWORK, type RawChannel, rawPeer } from "./node-fixture.ts";

async function pair(trusts = false) {
  const hub = memoryHub({ seed: 41 });
  const stack = new AsyncDisposableStack();
  const peer = stack.use(await rawPeer(memory({ hub }), 42));
  const trustedAlerts = trusts ? [peer.identity.peerId] : [];
  const node = stack.use(await createNode({ network: memory({ hub }), networkName: NETWORK, trustedAlerts }));
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const channel = await peer.control(node.id);
  await channel.hello();
  const send = (type: string, fields: JsonObject) =>
    channel.send(channel.seal({ type, extension_version: "1.0", data: {}, ...fields }));
  return { hub, node, peer, channel, send, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function errorOn(channel: RawChannel): Promise<unknown> {
  for (;;) {
    const answer = await channel.next();
    if (answer === undefined || answer["type"] === "error_response") return answer?.["error_code"];
  }
}

function extension(heard: JsonValue[], change: Partial<Extension<{ readonly word: string }>> = {}) {
  return {
    name: "ext:acme.words",
    major: 1,
    schema: z.strictObject({ word: z.string() }),
    maxBytes: 64,
    streams: ["control"],
    priority: "normal",
    handler: ({ data }) => void heard.push(data.word),
    ...change,
  } satisfies Extension<{ readonly word: string }>;
}

test("the major of its version picks the handler, and an unknown one is refused", async () => {
  await using rig = await pair();
  const { node, channel, send } = rig;
  const heard: JsonValue[] = [];
  using _first = node.extensions.register(extension(heard));
  using _second = node.extensions.register(
    extension(heard, { major: 2, handler: () => void heard.push("two") }),
  );
  assert.deepEqual(node.extensions.list(), ["ext:acme.words 1", "ext:acme.words 2", "ext:security.alert 1"]);
  await send("ext:acme.words", { data: { word: "one" } });
  await send("ext:acme.words", { data: { word: "x" }, extension_version: "2.7" });
  await eventually("both are heard", () => heard.length === 2);
  assert.deepEqual(heard, ["one", "two"]);
  await send("ext:acme.words", { extension_version: "3.0" });
  assert.equal(await errorOn(channel), "EXTENSION_UNSUPPORTED");
  await send("ext:federated_learning_update", { data: { round: 1 } });
  assert.equal(await errorOn(channel), "EXTENSION_UNSUPPORTED");
  await send("ext:acme.words", { data: { sentence: "x" } });
  assert.equal(await errorOn(channel), "SCHEMA_INVALID");
  await send("ext:acme.words", { data: { word: "x".repeat(64) } });
  assert.equal(await errorOn(channel), "FRAME_TOO_LARGE");
});

test("an unknown one that may be left unread is counted, shown and dropped", async () => {
  await using rig = await pair();
  const { node, peer, send } = rig;
  const shown: string[] = [];
  using _watch = node.extensions.onUnknown(({ name, extensionVersion, peerId }) => {
    assert.equal(peerId, peer.identity.peerId);
    shown.push(`${name} ${extensionVersion}`);
  });
  await send("ext:federated_learning_update", { optional: true, data: { round: 1 } });
  await send("ext:federated_learning_update", { optional: true, data: { round: 2 } });
  await eventually("both are shown", () => shown.length === 2);
  assert.deepEqual(shown, ["ext:federated_learning_update 1.0", "ext:federated_learning_update 1.0"]);
  assert.deepEqual([...node.extensions.dropped], [["ext:federated_learning_update", 2]]);
});

test("nodes send each other extensions; a name can be taken once per major", async () => {
  const hub = memoryHub({ seed: 43 });
  await using one = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await using two = await createNode({
    network: memory({ hub, bootstrap: one.addresses }),
    networkName: NETWORK,
  });
  const heard: JsonValue[] = [];
  const taken = one.extensions.register(extension(heard));
  assert.throws(() => one.extensions.register(extension(heard)), { code: "CONFIG_INVALID" });
  assert.throws(() => one.extensions.register(extension(heard, { name: "words" })), {
    code: "CONFIG_INVALID",
  });
  await two.extensions.send(one.id, { name: "ext:acme.words", version: "1.4", data: { word: "hello" } });
  await eventually("it is heard", () => heard.length === 1);
  taken[Symbol.dispose]();
  await two.extensions.send(one.id, { name: "ext:acme.words", version: "1.4", data: {}, optional: true });
  await eventually("it is only counted", () => one.extensions.dropped.get("ext:acme.words") === 1);
});

const caught = identityFromSeed(new Uint8Array(32).fill(77)).signer.agentId;
const CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";

test("an alert bans only where its signer is trusted, and for no longer than thirty days", async () => {
  for (const trusts of [false, true]) {
    await using rig = await pair(trusts);
    const { node, peer, send } = rig;
    const until = Math.floor(Date.now() / 1_000) + 90 * 86_400;
    await send(shippedExtensions.securityAlert.name, {
      optional: true,
      data: { kind: "EQUIVOCATION", subject: caught, evidence_cid: CID, until },
    });
    await send("ext:marker", { optional: true });
    await eventually("what came after it is read", () => node.extensions.dropped.has("ext:marker"));
    const [ban] = node.bans.list();
    if (!trusts) assert.equal(ban, undefined);
    else {
      assert.deepEqual([ban?.subject, ban?.kind, ban?.by], [caught, "agent", peer.identity.signer.agentId]);
      assert.ok((ban?.untilMs ?? 0) <= Date.now() + 30 * 86_400_000);
    }
  }
});

test("whoever signs two records under one number is told of to all peers, and banned by those that trust the teller", async () => {
  const hub = memoryHub({ seed: 44 });
  await using finder = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await using believer = await createNode({
    network: memory({ hub, bootstrap: finder.addresses }),
    networkName: NETWORK,
    trustedAlerts: [finder.id],
  });
  await using peer = await rawPeer(memory({ hub }), 45);
  await peer.transport.dial({ addresses: finder.addresses }, { timeoutMs: 1_000 });
  const channel = await peer.control(finder.id);
  await channel.hello();
  await eventually("greeted", () => believer.peers().some(({ agreed }) => agreed !== undefined));
  const agent = identityFromSeed(new Uint8Array(32).fill(46));
  const nowS = Math.floor(Date.now() / 1_000);
  const bound = { network: NETWORK, peerId: peer.identity.peerId, signer: agent.signer, name: "home" };
  const binding = signBinding({ ...bound, notAfterS: nowS + 1_000 });
  const record = (load: number) =>
    seal(
      {
        type: "capability_advertisement",
        recipient_id: "*",
        name: "home",
        status: "available",
        seq: 5,
        valid_until: nowS + 180,
        capabilities: {},
        load,
      },
      { network: NETWORK, signer: agent.signer, nowS, random: seededRandom(load), binding },
    );
  await channel.send(record(0.1));
  await channel.send(record(0.2));
  const banned = (node: AgentNode, subject: string) =>
    node.bans.list().find((ban) => ban.subject === subject);
  await eventually("the finder bans both", () =>
    [agent.signer.agentId, peer.identity.peerId].every((subject) => banned(finder, subject) !== undefined),
  );
  await eventually(
    "the believer bans the signer",
    () => banned(believer, agent.signer.agentId) !== undefined,
  );
  assert.equal(banned(believer, agent.signer.agentId)?.by, identityOf(finder));
  assert.equal(banned(believer, finder.id), undefined);
});

function identityOf(node: AgentNode): string {
  return agentIdFromPeerId(node.id);
}
