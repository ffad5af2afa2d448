/** Keys on disk and in memory: one file per key, created whole or not at all, never replaced silently. */

import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { constants } from "node:fs";
import { link, lstat, mkdir, open, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { agentIdFromKey, peerIdFromKey, ProtocolError, type Signer } from "@gridmesh/protocol";
import { type Random, systemRandom } from "./clock.ts";

/** A key with the names derived from it. */
export interface Identity {
  /** Ed25519 seed, 32 bytes. */
  readonly seed: Uint8Array;
  readonly signer: Signer;
  /** The PeerId of the same key. */
  readonly peerId: string;
}

/** PKCS #8 header of an Ed25519 private key; the seed follows. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SEED_BYTES = 32;
const FORMAT = "gridmesh-key";
const MAX_KEY_FILE_BYTES = 4096;

/** The identity of an Ed25519 seed of 32 bytes. */
export function identityFromSeed(seed: Uint8Array): Identity {
  if (seed.length !== SEED_BYTES) throw new ProtocolError("IDENTITY_UNREADABLE", "a key seed has 32 bytes");
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: "der",
    type: "pkcs8",
  });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const publicKey = new Uint8Array(spki.subarray(spki.length - 32));
  return {
    seed: Uint8Array.from(seed),
    peerId: peerIdFromKey(publicKey),
    signer: {
      agentId: agentIdFromKey(publicKey),
      publicKey,
      sign: (bytes) => new Uint8Array(sign(null, bytes, key)),
    },
  };
}

/**
 * Opens the node key of a home folder.
 * @throws IDENTITY_UNREADABLE: absent, wider than its owner, a link, damaged, sealed with a passphrase.
 */
export async function loadIdentity(home: string): Promise<Identity> {
  await checkFolder(home);
  return readKey(join(home, "identity.key"));
}

/**
 * Makes the home folder, if absent, and its node key.
 * @throws IDENTITY_UNREADABLE: there is a key already, or state without its key.
 */
export async function createIdentity(home: string, random: Random = systemRandom()): Promise<Identity> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  await checkFolder(home);
  const leftovers = (await readdir(home)).filter((name) => name === "state.sqlite" || name === "journal");
  if (leftovers.length > 0 && !(await exists(join(home, "identity.key")))) {
    throw unreadable(
      join(home, "identity.key"),
      `is missing beside ${leftovers.join(" and ")}; put the old key back, or choose another home`,
    );
  }
  return writeKey(home, "identity.key", random);
}

/** True when the home folder holds a node key. */
export async function hasIdentity(home: string): Promise<boolean> {
  return exists(join(home, "identity.key"));
}

/**
 * The key of an agent, made at first use.
 * @throws IDENTITY_UNREADABLE, also when `mayCreate` is false and the key is missing.
 */
export async function agentIdentity(options: {
  readonly home: string;
  readonly name: string;
  readonly mayCreate: boolean;
  readonly random?: Random;
}): Promise<Identity> {
  const folder = join(options.home, "agents");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await checkFolder(folder);
  const path = join(folder, `${options.name}.key`);
  if (await exists(path)) return readKey(path);
  if (!options.mayCreate) throw unreadable(path, "is missing, though this agent has lived here before");
  return writeKey(folder, `${options.name}.key`, options.random ?? systemRandom());
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw unreadable(path, "cannot be looked at", error);
  }
}

async function checkFolder(path: string): Promise<void> {
  let found;
  try {
    found = await lstat(path);
  } catch (error) {
    throw unreadable(path, "cannot be opened", error);
  }
  if (found.isSymbolicLink()) throw unreadable(path, "is a link; name the folder itself");
  if (!found.isDirectory()) throw unreadable(path, "is no folder");
  if (found.uid !== process.getuid?.()) throw unreadable(path, "belongs to another user");
  if ((found.mode & 0o077) !== 0) throw unreadable(path, `is open to others; run: chmod 700 ${path}`);
}

async function readKey(path: string): Promise<Identity> {
  let text: string;
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const found = await file.stat();
    if (!found.isFile()) throw unreadable(path, "is no regular file");
    if (found.uid !== process.getuid?.()) throw unreadable(path, "belongs to another user");
    if ((found.mode & 0o077) !== 0) throw unreadable(path, `is open to others; run: chmod 600 ${path}`);
    if (found.size > MAX_KEY_FILE_BYTES) throw unreadable(path, "is no key file");
    text = await file.readFile("utf8");
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    throw unreadable(
      path,
      code === "ELOOP" ? "is a link; put the file itself there" : "cannot be opened",
      error,
    );
  }
  return parseKey(path, text);
}

function parseKey(path: string, text: string): Identity {
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // The parser's words would quote the file: they stay out of the error.
    throw unreadable(path, "is damaged: no JSON");
  }
  if (found?.["format"] !== FORMAT || found["version"] !== 1) throw unreadable(path, "has another format");
  if (found["kdf"] !== null || found["cipher"] !== null) {
    throw unreadable(path, "is sealed with a passphrase, which this version cannot open");
  }
  const secret = found["secretBase64"];
  const seed = typeof secret === "string" ? Buffer.from(secret, "base64") : Buffer.alloc(0);
  if (seed.length !== SEED_BYTES) throw unreadable(path, "is damaged: the secret has not 32 bytes");
  const identity = identityFromSeed(seed);
  if (identity.signer.agentId !== found["agentId"]) {
    throw unreadable(path, "is damaged: its agentId is not that of its secret");
  }
  return identity;
}

/** A temporary file, fsynced, then linked to its name: the name appears whole, and only if it was free. */
async function writeKey(folder: string, name: string, random: Random): Promise<Identity> {
  const identity = identityFromSeed(random.bytes(SEED_BYTES));
  const path = join(folder, name);
  const draft = join(folder, `.${name}.${Buffer.from(random.bytes(8)).toString("hex")}`);
  const text = JSON.stringify({
    format: FORMAT,
    version: 1,
    agentId: identity.signer.agentId,
    kdf: null,
    cipher: null,
    secretBase64: Buffer.from(identity.seed).toString("base64"),
  });
  try {
    {
      await using file = await open(draft, "wx", 0o600);
      await file.writeFile(`${text}\n`);
      await file.sync();
    }
    try {
      await link(draft, path);
    } finally {
      await unlink(draft);
    }
    await using parent = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    await parent.sync();
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw unreadable(path, taken ? "exists already and is never replaced" : "cannot be written", error);
  }
  return identity;
}

function unreadable(path: string, what: string, cause?: unknown): ProtocolError {
  return new ProtocolError("IDENTITY_UNREADABLE", `${path} ${what}`, cause === undefined ? {} : { cause });
}
