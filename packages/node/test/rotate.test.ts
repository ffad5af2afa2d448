import assert from "node:assert/strict";
import {
  chmod,
  chown,
  copyFile,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  isProtocolError,
  keyHash,
  nobleEngine,
  openContinuity,
  startChain,
  chainOf,
} from "@gridmesh/protocol";
import { systemRandom } from "../src/clock.ts";
import {
  agentIdentity,
  createIdentity,
  keyFiles,
  keyLock,
  loadIdentity,
  makeKey,
  readKey,
} from "../src/identity.ts";
import { readChain } from "../src/identity-chain.ts";
import { exists } from "../src/identity-files.ts";
import { rotateKey } from "../src/rotate.ts";
import { sealKeys } from "../src/seal-keys.ts";
import { openStateStore } from "../src/store/sqlite.ts";

const network = "rotating";
const NOW_MS = 1_700_000_000_000;

async function tempHome() {
  const home = await mkdtemp(join(tmpdir(), "gridmesh-rotate-"));
  return { home, files: keyFiles(home), [Symbol.asyncDispose]: () => rm(home, { recursive: true }) };
}

const unreadable = (what: RegExp) => (error: unknown) =>
  isProtocolError(error) && error.code === "IDENTITY_UNREADABLE" && what.test(error.message);

test("a key sealed with a passphrase opens with it alone, in the form that is promised", async () => {
  await using temp = await tempHome();
  const { home, files } = temp;
  const lock = keyLock("caf\u00e9 au lait");
  const made = await createIdentity(home, { lock });
  const file = JSON.parse(await readFile(files.key, "utf8")) as Record<string, unknown>;
  assert.deepEqual(Object.keys(file), [
    "format",
    "version",
    "agentId",
    "kdf",
    "cipher",
    "nonceBase64",
    "secretBase64",
  ]);
  const { saltBase64, ...kdf } = file["kdf"] as Record<string, unknown>;
  assert.deepEqual(kdf, { name: "scrypt", N: 131_072, r: 8, p: 1 });
  assert.equal(file["cipher"], "chacha20-poly1305");
  assert.equal(Buffer.from(String(file["secretBase64"]), "base64").length, 48);
  const agent = await agentIdentity({ home, name: "a", mayCreate: true, lock });
  const other = JSON.parse(await readFile(files.agent("a"), "utf8")) as Record<
    string,
    Record<string, unknown>
  >;
  assert.equal(other["kdf"]?.["saltBase64"], saltBase64, "a home's keys cost one derivation");
  assert.notEqual(other["nonceBase64"], file["nonceBase64"]);

  // The same words in another spelling of Unicode.
  const again = keyLock("cafe\u0301 au lait");
  assert.deepEqual((await loadIdentity(home, { lock: again })).seed, made.seed);
  assert.deepEqual(
    (await agentIdentity({ home, name: "a", mayCreate: false, lock: again })).seed,
    agent.seed,
  );
  await assert.rejects(loadIdentity(home), unreadable(/identity\.passphraseFile/));
  await assert.rejects(
    loadIdentity(home, { lock: keyLock("cafe au lait") }),
    unreadable(/wrong one.*give the one/),
  );

  const spoilt = { ...file, agentId: agent.signer.agentId };
  await writeFile(files.key, JSON.stringify(spoilt));
  await assert.rejects(
    loadIdentity(home, { lock: again }),
    unreadable(/the file was changed/),
    "the name is sealed in",
  );
  await writeFile(files.key, JSON.stringify({ ...file, kdf: { ...kdf, N: 2 ** 30, saltBase64 } }));
  await assert.rejects(loadIdentity(home, { lock: again }), unreadable(/another way/));
});

test("every key of a home is refused with the fix when others could open it, when it is a link, or another's", async (t) => {
  await using temp = await tempHome();
  const { home, files } = temp;
  await createIdentity(home);
  const name = "a";
  await agentIdentity({ home, name, mayCreate: true });
  const keys: readonly (readonly [string, () => Promise<unknown>])[] = [
    [files.key, () => loadIdentity(home)],
    [files.agent(name), () => agentIdentity({ home, name, mayCreate: false })],
    [files.next, () => rotateKey({ home, network, nowMs: NOW_MS })],
    [join(home, "continuity.json"), () => loadIdentity(home)],
  ];
  for (const [path, open] of keys) {
    for (const mode of [0o604, 0o640, 0o620]) {
      await chmod(path, mode);
      await assert.rejects(open, unreadable(/run: chmod 600/), `${path} ${mode.toString(8)}`);
    }
    await chmod(path, 0o600);
    await rename(path, `${path}.elsewhere`);
    await symlink(`${path}.elsewhere`, path);
    await assert.rejects(open, unreadable(/is a link/), path);
    await rm(path);
    await rename(`${path}.elsewhere`, path);
  }
  const folders: typeof keys = [
    [home, () => loadIdentity(home)],
    [join(home, "agents"), () => agentIdentity({ home, name, mayCreate: false })],
  ];
  for (const [folder, open] of folders) {
    await chmod(folder, 0o755);
    await assert.rejects(open, unreadable(/run: chmod 700/));
    await chmod(folder, 0o700);
  }
  if (process.getuid?.() !== 0) return t.skip("only root can give a file away: a foreign owner is not tried");
  for (const [path, open] of keys) {
    await chown(path, 65_534, 65_534);
    await assert.rejects(open, unreadable(/belongs to another user/), path);
    await chown(path, 0, 0);
  }
});

test("a node's key hands over to the one that was promised, again and again, and the old ones are gone", async () => {
  await using temp = await tempHome();
  const { home, files } = temp;
  const lock = keyLock("a passphrase");
  const first = await createIdentity(home, { lock });
  const promised = (await readChain(home))?.nextKeyHash;
  const one = await rotateKey({ home, network, nowMs: NOW_MS, lock });
  assert.equal(one.oldId, first.signer.agentId);
  const second = await loadIdentity(home, { lock });
  assert.equal(second.peerId, one.newPeerId);
  assert.equal(keyHash(second.signer.publicKey), promised);
  const two = await rotateKey({ home, network, nowMs: NOW_MS, lock, reason: "compromise" });
  assert.deepEqual([two.oldId, two.seq], [one.newId, 2]);

  const chain = await readChain(home);
  const opened = (chain?.handovers ?? []).map((message) =>
    openContinuity(message, { network, engine: nobleEngine, nowS: NOW_MS / 1_000 }),
  );
  const proven = chainOf(startChain(first.signer.agentId, promised), opened);
  assert.deepEqual(
    proven.links.map(({ new_id, reason }) => [new_id, reason]),
    [
      [one.newId, "routine"],
      [two.newId, "compromise"],
    ],
  );
  const third = await readKey(files.next, lock);
  assert.equal(keyHash(third.signer.publicKey), chain?.nextKeyHash);
  assert.equal(await exists(files.after), false);
  assert.equal((await stat(files.key)).mode & 0o777, 0o600);
});

test("a next key that is kept elsewhere is brought along, and no other is taken in its place", async () => {
  await using temp = await tempHome();
  await using outside = await tempHome();
  const { home, files } = temp;
  await createIdentity(home);
  const kept = join(outside.home, "next.key");
  await copyFile(files.next, kept);
  await rm(files.next);
  await assert.rejects(rotateKey({ home, network, nowMs: NOW_MS }), unreadable(/bring it with --next/));
  const wrong = join(outside.home, "wrong.key");
  await makeKey(wrong, { random: systemRandom() });
  const asked = rotateKey({ home, network, nowMs: NOW_MS, nextFile: wrong });
  await assert.rejects(asked, { code: "IDENTITY_MISMATCH" });
  const expected = await readKey(kept);
  const { newId } = await rotateKey({ home, network, nowMs: NOW_MS, nextFile: kept });
  assert.equal(newId, expected.signer.agentId);
  assert.equal((await loadIdentity(home)).peerId, expected.peerId);
});

test("a change of keys that was cut off at any point is carried out, or was not begun", async () => {
  await using temp = await tempHome();
  const { home, files } = temp;
  await createIdentity(home);
  const before = { key: await readFile(files.key), next: await readFile(files.next) };
  const chainFile = join(home, "continuity.json");
  const { newPeerId, oldPeerId, nextKeyHash } = await rotateKey({ home, network, nowMs: NOW_MS });
  const after = { key: await readFile(files.key), next: await readFile(files.next) };
  const own = { mode: 0o600 };

  // Written down, nothing renamed.
  await writeFile(files.key, before.key, own);
  await writeFile(files.next, before.next, own);
  await writeFile(files.after, after.next, own);
  assert.equal((await loadIdentity(home)).peerId, newPeerId);
  assert.deepEqual(await readFile(files.next), after.next);
  assert.equal(await exists(files.after), false);

  // The first name was changed, the second was not.
  await rename(files.next, files.after);
  assert.equal((await loadIdentity(home)).peerId, newPeerId);
  assert.equal(keyHash((await readKey(files.next)).signer.publicKey), nextKeyHash);

  // Not written down yet: the old key stands, and a second try takes the key that was made already.
  const chain = {
    format: "gridmesh-continuity",
    version: 1,
    nextKeyHash: keyHash((await readKey(files.key)).signer.publicKey),
    handovers: [],
  };
  await writeFile(chainFile, JSON.stringify(chain), own);
  await writeFile(files.key, before.key, own);
  await writeFile(files.next, before.next, own);
  await writeFile(files.after, after.next, own);
  assert.equal((await loadIdentity(home)).peerId, oldPeerId);
  const again = await rotateKey({ home, network, nowMs: NOW_MS });
  assert.deepEqual([again.newPeerId, again.nextKeyHash], [newPeerId, nextKeyHash]);
});

test("an agent's key hands over as well, cut off or not, and only while nobody runs the home", async () => {
  await using temp = await tempHome();
  const { home, files } = temp;
  await createIdentity(home);
  await assert.rejects(rotateKey({ home, network, nowMs: NOW_MS, agent: "a" }), { code: "AGENT_NOT_FOUND" });
  const first = await agentIdentity({ home, name: "a", mayCreate: true });
  const before = await readFile(files.agent("a"));
  const { oldId, newId, seq } = await rotateKey({ home, network, nowMs: NOW_MS, agent: "a" });
  assert.deepEqual([oldId, seq], [first.signer.agentId, 1]);
  await rename(files.agent("a"), files.agentNext("a"));
  await writeFile(files.agent("a"), before, { mode: 0o600 });
  assert.equal((await agentIdentity({ home, name: "a", mayCreate: false })).signer.agentId, newId);
  assert.equal(await exists(files.agentNext("a")), false);
  const store = openStateStore(home);
  await assert.rejects(rotateKey({ home, network, nowMs: NOW_MS, agent: "a" }), { code: "ALREADY_RUNNING" });
  store.close();
});

test("a passphrase is put on all keys of a home, changed after a run that was cut off, and taken off", async () => {
  await using temp = await tempHome();
  const { home, files } = temp;
  const node = await createIdentity(home);
  const agent = await agentIdentity({ home, name: "a", mayCreate: true });
  const [one, two] = [keyLock("first passphrase"), keyLock("second passphrase")];
  const sealed = await sealKeys({ home, from: keyLock(undefined), to: one });
  assert.deepEqual(sealed, [files.key, files.next, files.agent("a")]);
  const half = await readFile(files.agent("a"));
  await sealKeys({ home, from: one, to: two });
  // Cut off before the last file.
  await writeFile(files.agent("a"), half, { mode: 0o600 });
  await assert.rejects(
    sealKeys({ home, from: keyLock("neither of both"), to: keyLock(undefined) }),
    unreadable(/wrong one/),
  );
  await sealKeys({ home, from: one, to: two });
  assert.deepEqual((await agentIdentity({ home, name: "a", mayCreate: false, lock: two })).seed, agent.seed);
  await sealKeys({ home, from: two, to: keyLock(undefined) });
  assert.deepEqual((await loadIdentity(home)).seed, node.seed);
});
