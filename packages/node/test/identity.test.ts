import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isProtocolError, nobleEngine, parseAddress } from "@gridmesh/protocol";
import {
  agentIdentity,
  createIdentity,
  hasIdentity,
  identityFromSeed,
  loadIdentity,
} from "../src/identity.ts";

async function tempHome() {
  const home = await mkdtemp(join(tmpdir(), "gridmesh-id-"));
  return {
    home,
    key: join(home, "identity.key"),
    [Symbol.asyncDispose]: () => rm(home, { recursive: true }),
  };
}

const unreadable = (what: RegExp) => (error: unknown) =>
  isProtocolError(error) && error.code === "IDENTITY_UNREADABLE" && what.test(error.message);

test("the pinned seed gives the pinned names, and its signatures hold", () => {
  const { peerId, signer } = identityFromSeed(Uint8Array.from({ length: 32 }, (_unused, n) => n));
  assert.equal(signer.agentId, "ed25519:FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF");
  assert.equal(peerId, "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB");
  const text = new TextEncoder().encode("text");
  assert.ok(nobleEngine(signer.sign(text), text, signer.publicKey));
  assert.equal(parseAddress(`${peerId}:a/ping`).kind, "agent");
});

test("a key is made once, readable by its owner alone, and read back", async () => {
  await using temp = await tempHome();
  const { home, key } = temp;
  assert.equal(await hasIdentity(home), false);
  const made = await createIdentity(home);
  assert.equal((await stat(key)).mode & 0o777, 0o600);
  assert.equal((await loadIdentity(home)).peerId, made.peerId);
  await assert.rejects(createIdentity(home), unreadable(/exists already/));
  assert.equal((await loadIdentity(home)).peerId, made.peerId);
});

test("a key or home that others may open, a link and a damaged key are refused with the fix", async () => {
  await using temp = await tempHome();
  const { home, key } = temp;
  await createIdentity(home);
  await chmod(key, 0o640);
  await assert.rejects(loadIdentity(home), unreadable(/chmod 600/));
  await chmod(key, 0o600);
  await chmod(home, 0o755);
  await assert.rejects(loadIdentity(home), unreadable(/chmod 700/));
  await chmod(home, 0o700);

  await rename(key, join(home, "elsewhere.key"));
  await symlink(join(home, "elsewhere.key"), key);
  await assert.rejects(loadIdentity(home), unreadable(/is a link/));
  await rm(key);
  await rename(join(home, "elsewhere.key"), key);

  const text = await readFile(key, "utf8");
  const found = JSON.parse(text) as { agentId: string; secretBase64: string };
  for (const damaged of [
    text.slice(0, 40),
    "{}",
    JSON.stringify({ ...found, version: 2 }),
    JSON.stringify({ ...found, secretBase64: found.secretBase64.slice(4) }),
    JSON.stringify({ ...found, secretBase64: Buffer.alloc(32, 1).toString("base64") }),
    JSON.stringify({ ...found, kdf: { name: "scrypt" }, cipher: "chacha20-poly1305" }),
  ]) {
    await writeFile(key, damaged);
    const error: unknown = await loadIdentity(home).catch((caught: unknown) => caught);
    assert.ok(unreadable(/./)(error));
    assert.ok(!String(error).includes(found.secretBase64), "the secret stays out of the error");
  }
});

test("a missing key beside existing state is never replaced silently", async () => {
  await using temp = await tempHome();
  await writeFile(join(temp.home, "state.sqlite"), "");
  await assert.rejects(createIdentity(temp.home), unreadable(/missing beside state\.sqlite/));
  const name = "household-agent-01";
  await assert.rejects(agentIdentity({ home: temp.home, name, mayCreate: false }), unreadable(/is missing/));
  const agent = await agentIdentity({ home: temp.home, name, mayCreate: true });
  const again = await agentIdentity({ home: temp.home, name, mayCreate: false });
  assert.equal(again.signer.agentId, agent.signer.agentId);
});
