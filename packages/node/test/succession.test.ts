import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { JsonObject } from "@gridmesh/protocol";
import { systemRandom } from "../src/clock.ts";
import { createNode } from "../src/create-node.ts";
import type { Finding } from "../src/findings.ts";
import { type Identity, identityFromSeed, keyFiles, keyLock, loadIdentity } from "../src/identity.ts";
import { type Handover, writeChain } from "../src/identity-chain.ts";
import { writeNew } from "../src/identity-files.ts";
import { memory, type MemoryHub, memoryHub } from "../src/network/index.ts";
import type { AgentNode } from "../src/node.ts";
import { rotateKey } from "../src/rotate.ts";
import { openStateStore } from "../src/store/sqlite.ts";
import { eventually, NETWORK, rawPeer } from "./node-fixture.ts";
import { type HandoverChange, signedHandover } from "./succession-rig.ts";

const NOW_MS = Date.now();

async function folder() {
  const path = await mkdtemp(join(tmpdir(), "gridmesh-succession-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** A node in this hub that dials these, and keeps what it knows in a home if it has one. */
function start(
  hub: MemoryHub,
  options: { readonly home?: string; readonly to?: AgentNode; readonly more?: readonly string[] } = {},
) {
  const { home, to, more = [] } = options;
  const bootstrap = [...(to?.addresses ?? []), ...more];
  return createNode({ network: memory({ hub, bootstrap }), networkName: NETWORK, home });
}

/** A node of this key that tells these handovers as its own: what a thief with our program can do. */
async function liar(
  hub: MemoryHub,
  as: { readonly to: AgentNode; readonly identity: Identity; readonly handovers: readonly Handover[] },
): Promise<AsyncDisposable> {
  const home = await folder();
  const random = systemRandom();
  await writeNew(keyFiles(home.path).key, await keyLock(undefined).write(as.identity, random), random);
  await writeChain(home.path, { nextKeyHash: undefined, handovers: as.handovers }, random);
  const node = await start(hub, { home: home.path, to: as.to });
  return {
    async [Symbol.asyncDispose]() {
      await node.stop({ deadlineMs: 0 });
      await home[Symbol.asyncDispose]();
    },
  };
}

const seeded = (name: string): Identity =>
  identityFromSeed(Uint8Array.from({ length: 32 }, (_unused, n) => (name.charCodeAt(0) * 7 + n) % 256));

/** Signed and valid from the start of these tests on, unless another second is told. */
function handover(
  from: Identity,
  to: Identity,
  {
    notBeforeS = Math.floor(NOW_MS / 1_000),
    ...more
  }: HandoverChange & { readonly notBeforeS?: number } = {},
): Handover {
  return signedHandover(from, to, { nowS: notBeforeS, ...more });
}

const isLinked = (node: AgentNode, peerId: string) =>
  node.peers().some((peer) => peer.peerId === peerId && peer.agreed !== undefined);

const succession = (node: AgentNode): Finding | undefined =>
  node.findings().find(({ code }) => code === "KEY_SUCCESSION");

async function continuityOf(asking: AgentNode, peerId: string) {
  return (await asking.call(`${peerId}:node/get_info`)) as {
    readonly continuity: readonly JsonObject[];
    readonly next_key_hash: string;
  };
}

test("a node takes its ban along when its key is handed over, and whoever heard keeps that over restarts", async () => {
  await using theirs = await folder();
  await using ours = await folder();
  const hub = memoryHub({ seed: 1 });
  await using third = await start(hub);
  await using verifier = await start(hub, { home: ours.path, to: third });
  const before = await start(hub, { home: theirs.path, to: third });
  await eventually("all are linked", () => isLinked(third, before.id) && isLinked(verifier, third.id));
  await before.stop({ deadlineMs: 0 });
  verifier.bans.ban(before.id, 3_600_000);

  const rotated = await rotateKey({ home: theirs.path, network: NETWORK, nowMs: NOW_MS });
  assert.equal(rotated.oldPeerId, before.id);
  assert.equal(rotated.seq, 1);
  // Linked with the third node alone: the verifier hears it over gossip.
  await using after = await start(hub, { home: theirs.path, to: third });
  assert.equal(after.id, rotated.newPeerId);
  await eventually("the ban has followed", () =>
    verifier.bans.list().some(({ subject }) => subject === after.id),
  );
  const [old, now] = [before.id, after.id].map((id) =>
    verifier.bans.list().find(({ subject }) => subject === id),
  );
  assert.equal(now?.untilMs, old?.untilMs);
  assert.equal(isLinked(verifier, after.id), false);

  const told = await continuityOf(third, after.id);
  assert.equal(told.continuity.length, 1);
  assert.equal(told.next_key_hash, rotated.nextKeyHash);
  assert.equal(told.continuity[0]?.["next_key_hash"], rotated.nextKeyHash);

  await verifier.stop({ deadlineMs: 0 });
  const store = openStateStore(ours.path);
  const rows = store.successions(NOW_MS - 399 * 86_400_000);
  assert.deepEqual(
    rows.filter(({ handover: heard }) => heard !== undefined).map(({ oldId, followed }) => [oldId, followed]),
    [[rotated.oldId, true]],
  );
  assert.ok(store.bans().some(({ subject }) => subject === after.id));
  store.close();
});

test("a key that was not promised follows nobody, though a thief signs with the running one", async () => {
  await using theirs = await folder();
  const hub = memoryHub({ seed: 2 });
  await using verifier = await start(hub);
  const before = await start(hub, { home: theirs.path, to: verifier });
  await eventually("both have greeted", () => isLinked(verifier, before.id));
  const stolen = await loadIdentity(theirs.path);
  await before.stop({ deadlineMs: 0 });
  verifier.bans.ban(before.id, 3_600_000);

  const thief = seeded("t");
  await using _liar = await liar(hub, {
    to: verifier,
    identity: thief,
    handovers: [handover(stolen, thief)],
  });
  await eventually("it is told", () => succession(verifier) !== undefined);
  const raised = succession(verifier);
  assert.match(raised?.text ?? "", new RegExp(`^${before.id}: ${thief.peerId} claims to follow`));
  assert.equal(raised?.severity, "warning", "a stranger's dispute stops no node");
  assert.equal(
    verifier.bans.list().some(({ subject }) => subject === thief.peerId),
    false,
  );

  const rotated = await rotateKey({ home: theirs.path, network: NETWORK, nowMs: NOW_MS });
  await using after = await start(hub, { home: theirs.path, to: verifier });
  await eventually("the owner's key is followed", () =>
    verifier.bans.list().some(({ subject }) => subject === rotated.newPeerId),
  );
  assert.equal(after.id, rotated.newPeerId);
  assert.equal(succession(verifier), undefined, "the promised key has come");
});

test("of two successors neither is followed, who signed both is banned, and the operator is told until the ban is lifted", async () => {
  const hub = memoryHub({ seed: 3 });
  const [owner, first, second] = [seeded("o"), seeded("p"), seeded("q")];
  await using relayed = await start(hub);
  // It relies on the owner, who is away.
  await using verifier = await start(hub, { to: relayed, more: [`/memory/77777/p2p/${owner.peerId}`] });
  await eventually("both have greeted", () => isLinked(verifier, relayed.id));
  await using _one = await liar(hub, { to: relayed, identity: first, handovers: [handover(owner, first)] });
  await eventually("it is linked", () => isLinked(relayed, first.peerId));
  assert.equal(succession(relayed), undefined);
  await using _two = await liar(hub, { to: relayed, identity: second, handovers: [handover(owner, second)] });
  for (const node of [relayed, verifier]) {
    await eventually("the fork is told", () => /two successors/.test(succession(node)?.text ?? ""));
    assert.equal(succession(node)?.severity, node === verifier ? "critical" : "warning");
    const bans = node.bans.list().map(({ subject, code }) => `${subject} ${code}`);
    assert.deepEqual(bans, [`${owner.signer.agentId} EQUIVOCATION`], "no successor, no relay");
    node.bans.lift(owner.signer.agentId);
    assert.equal(succession(node), undefined);
  }
});

test("the new PeerId of a bootstrap node whose key was handed over is printed until its address has it", async () => {
  await using theirs = await folder();
  const hub = memoryHub({ seed: 4 });
  await using third = await start(hub);
  const before = await start(hub, { home: theirs.path, to: third });
  const old = before.addresses;
  await using verifier = await start(hub, { to: third, more: old });
  await eventually("all are linked", () => isLinked(verifier, before.id) && isLinked(verifier, third.id));
  await before.stop({ deadlineMs: 0 });
  const { newPeerId } = await rotateKey({ home: theirs.path, network: NETWORK, nowMs: NOW_MS });
  await using _after = await start(hub, { home: theirs.path, to: third });
  await eventually("it is printed", () => succession(verifier) !== undefined);
  const { severity, text, fix } = succession(verifier) ?? {};
  assert.equal(severity, "info");
  assert.equal(text, `the key of ${before.id} was handed over: it is ${newPeerId} now`);
  assert.ok(fix?.endsWith(`/p2p/${newPeerId}`), fix);
});

test("a banned key still hands over on a control stream: its bans go along, and the peer that tells is not blamed", async () => {
  const hub = memoryHub({ seed: 5 });
  await using verifier = await start(hub);
  await using raw = await rawPeer(memory({ hub, bootstrap: verifier.addresses }), 9);
  const [old, next] = [seeded("v"), seeded("w")];
  verifier.bans.ban(old.signer.agentId);
  await raw.transport.dial({ addresses: verifier.addresses }, { timeoutMs: 2_000 });
  const channel = await raw.control(verifier.id);
  await channel.hello();
  // Signed long ago is as good: it is valid for ever.
  await channel.send(handover(old, next, { notBeforeS: 1_000_000_000 }));
  await eventually("the ban went along", () =>
    verifier.bans.list().some(({ subject }) => subject === next.signer.agentId),
  );
  assert.equal(
    verifier.bans.list().some(({ subject }) => subject === raw.identity.peerId),
    false,
  );
});
