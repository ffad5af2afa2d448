import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import { memoryStore } from "../src/store/memory.ts";
import { openStateStore } from "../src/store/sqlite.ts";
import type { StateStore } from "../src/store/types.ts";

async function tempHome() {
  const home = await mkdtemp(join(tmpdir(), "gridmesh-store-"));
  return { home, [Symbol.asyncDispose]: () => rm(home, { recursive: true }) };
}

const peer = {
  peerId: "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB",
  addresses: [{ address: "/ip4/127.0.0.1/tcp/4801", lastSuccessMs: 5 }],
  firstSeenMs: 1,
  lastSeenMs: 2,
  uptimeMs: 3.6,
  fails: 0,
  source: "bootstrap",
};
const ban = {
  subject: peer.peerId,
  kind: "peer" as const,
  code: "MESSAGE_MALFORMED",
  sinceMs: 1,
  untilMs: 2,
  strikes: 1,
  by: "operator",
};

const word = {
  agentId: "a",
  orderKey: "b 1",
  kind: "rated" as const,
  about: "seller",
  value: 5,
  header: "{}",
  body: "{}",
  atMs: 9,
};

function fill(store: StateStore): void {
  store.savePeers([peer]);
  store.saveBan(ban);
  store.saveBan({ ...ban, subject: "other" });
  store.removeBan("other");
  store.saveNonces([
    { senderId: "a", nonce: "1", keepUntilS: 10 },
    { senderId: "a", nonce: "2", keepUntilS: 20 },
  ]);
  assert.equal(store.nextSeq("record x"), 1);
  assert.equal(store.nextSeq("record x"), 2);
  assert.equal(store.nextSeq("record y"), 1);
  store.rememberAgent("household", "ed25519:x");
  for (const orderKey of ["b 1", "b 2"]) store.saveWord({ ...word, orderKey });
  store.saveWord({ ...word, orderKey: "b 2", value: 2 });
  store.saveWord({ ...word, orderKey: "b 3", kind: "update", value: 7_000_000 });
}

function check(store: StateStore): void {
  assert.deepEqual(store.peers(), [{ ...peer, uptimeMs: store.peers()[0]?.uptimeMs }]);
  assert.deepEqual(store.bans(), [ban]);
  assert.equal(store.agentId("household"), "ed25519:x");
  assert.equal(store.agentId("nobody"), undefined);
  assert.equal(store.nextSeq("record x"), 3);
  assert.deepEqual(store.word("a", "b 1", "rated"), word);
  assert.equal(store.word("a", "b 1", "update"), undefined);
  assert.equal(store.word("a", "b 3", "update")?.value, 7_000_000);
  assert.deepEqual(store.ratingsGiven("a", "seller"), { count: 2, sum: 7 });
  assert.deepEqual(store.ratingsGiven("a", "other"), { count: 0, sum: 0 });
}

test("state in memory holds what it is given", () => {
  const store = memoryStore();
  fill(store);
  check(store);
  store.close();
});

test("state on disk survives its process, nonces as long as they count", async () => {
  await using temp = await tempHome();
  const first = openStateStore(temp.home);
  fill(first);
  first.close();
  const second = openStateStore(temp.home);
  check(second);
  assert.deepEqual(second.nonces(15), [{ senderId: "a", nonce: "2", keepUntilS: 20 }]);
  second.close();
  assert.equal((await stat(join(temp.home, "state.sqlite"))).mode & 0o777, 0o600);
});

test("a home is run by one at a time, and a killed process leaves no lock behind", async () => {
  await using temp = await tempHome();
  const held = openStateStore(temp.home);
  const running = (error: unknown) => isProtocolError(error) && error.code === "ALREADY_RUNNING";
  assert.throws(() => openStateStore(temp.home), running);
  held.close();
  const source = resolve(import.meta.dirname, "../src/store/sqlite.ts");
  const script = `const { openStateStore } = await import(${JSON.stringify(source)});
    openStateStore(${JSON.stringify(temp.home)}); console.log("held"); setInterval(() => {}, 1000);`;
  const child = spawn(
    process.execPath,
    ["--conditions=gridmesh-source", "--input-type=module", "-e", script],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = once(child, "exit");
  try {
    await once(child.stdout, "data");
    assert.throws(() => openStateStore(temp.home), running);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  openStateStore(temp.home).close();
});
