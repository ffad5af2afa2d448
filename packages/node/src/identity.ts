/** Keys on disk: one file per key, created whole or not at all, never replaced silently. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Random, systemRandom } from "./clock.ts";
import { finishHandover, hashOfKeyIn, readChain, writeChain } from "./identity-chain.ts";
import { checkFolder, exists, makeFolder, readOwn, unreadable, writeNew } from "./identity-files.ts";
import { type Identity, identityFromSeed, keyLock, type KeyLock } from "./identity-key.ts";

export { type Identity, identityFromSeed, keyLock, type KeyLock } from "./identity-key.ts";

export interface KeyOptions {
  /** Of the keys of this home; absent: in clear. */
  readonly lock?: KeyLock | undefined;
  readonly random?: Random | undefined;
}

const SEED_BYTES = 32;

/** Where the keys of a home lie. */
export function keyFiles(home: string) {
  return {
    key: join(home, "identity.key"),
    /** The node's next key, made in advance; it may be kept elsewhere. */
    next: join(home, "identity.next.key"),
    /** The one after that, while a handover is under way. */
    after: join(home, "identity.after.key"),
    agent: (name: string) => join(home, "agents", `${name}.key`),
    /** No agent can have a name that makes this its key. */
    agentNext: (name: string) => join(home, "agents", `${name}.key.next`),
  } as const;
}

/**
 * Opens the node key of a home folder.
 * @throws IDENTITY_UNREADABLE: absent, wider than its owner, a link, damaged, sealed with another passphrase.
 */
export async function loadIdentity(home: string, options: KeyOptions = {}): Promise<Identity> {
  await checkFolder(home);
  const files = keyFiles(home);
  await finishHandover(await readChain(home), files);
  return readKey(files.key, options.lock);
}

/**
 * Makes the home folder, if absent, its node key and the key that will follow it.
 * @throws IDENTITY_UNREADABLE: there is a key already, or state without its key.
 */
export async function createIdentity(home: string, options: KeyOptions = {}): Promise<Identity> {
  await makeFolder(home);
  const { key } = keyFiles(home);
  const leftovers = (await readdir(home)).filter((name) => name === "state.sqlite" || name === "journal");
  if (leftovers.length > 0 && !(await exists(key))) {
    throw unreadable(
      key,
      `is missing beside ${leftovers.join(" and ")}; put the old key back, or choose another home`,
    );
  }
  if (await exists(key)) throw unreadable(key, "exists already and is never replaced");
  // Last: a home with this file is whole.
  await prepareSuccession(home, options);
  return makeKey(key, options);
}

/** Makes the key that will follow the node's and notes its hash, in a home that has neither yet. */
export async function prepareSuccession(home: string, options: KeyOptions = {}): Promise<void> {
  if ((await readChain(home)) !== undefined) return;
  const { next } = keyFiles(home);
  if (!(await exists(next))) await makeKey(next, options);
  const nextKeyHash = await hashOfKeyIn(next);
  await writeChain(home, { nextKeyHash, handovers: [] }, options.random ?? systemRandom());
}

/** True when the home folder holds a node key. */
export async function hasIdentity(home: string): Promise<boolean> {
  return exists(keyFiles(home).key);
}

/**
 * The key of an agent, made at first use.
 * @throws IDENTITY_UNREADABLE, also when `mayCreate` is false and the key is missing.
 */
export async function agentIdentity(
  options: KeyOptions & { readonly home: string; readonly name: string; readonly mayCreate: boolean },
): Promise<Identity> {
  const { home, name, lock } = options;
  await makeFolder(join(home, "agents"));
  const files = keyFiles(home);
  const [path, next] = [files.agent(name), files.agentNext(name)];
  if (await exists(next)) await finishHandover(await readChain(home), { key: path, next });
  if (await exists(path)) return readKey(path, lock);
  if (!options.mayCreate) throw unreadable(path, "is missing, though this agent has lived here before");
  return makeKey(path, options);
}

export async function readKey(path: string, lock: KeyLock = keyLock(undefined)): Promise<Identity> {
  return lock.read(path, await readOwn(path));
}

export async function makeKey(path: string, options: KeyOptions): Promise<Identity> {
  const { lock = keyLock(undefined), random = systemRandom() } = options;
  const identity = identityFromSeed(random.bytes(SEED_BYTES));
  await writeNew(path, await lock.write(identity, random), random);
  return identity;
}
