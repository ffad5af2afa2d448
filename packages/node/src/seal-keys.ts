/** A passphrase on every key of a home, another one, or none. */

import { join } from "node:path";
import { isProtocolError } from "@gridmesh/protocol";
import { type Random, systemRandom } from "./clock.ts";
import { type Identity, keyFiles, type KeyLock, readKey } from "./identity.ts";
import { exists, keyNames, replace } from "./identity-files.ts";
import { openStateStore } from "./store/sqlite.ts";

export interface SealOptions {
  readonly home: string;
  /** What the keys are sealed with now. */
  readonly from: KeyLock;
  readonly to: KeyLock;
  readonly random?: Random | undefined;
}

/**
 * Writes every key of a home anew, sealed or in clear; no daemon may run there. All are read before one is written, and
 * a run that was cut off is repeated: a key that is sealed with the new passphrase already stays so.
 * @returns the files that were written
 * @throws ALREADY_RUNNING, IDENTITY_UNREADABLE.
 */
export async function sealKeys({ home, from, to, random = systemRandom() }: SealOptions): Promise<string[]> {
  const store = openStateStore(home);
  try {
    const files = await keysOf(home);
    // Whether the home is sealed is read off its first key: while it says so, a passphrase is at hand for the rest.
    if (!to.sealed) files.reverse();
    const read: (readonly [string, Identity])[] = [];
    for (const path of files) read.push([path, await readEither(path, from, to)]);
    for (const [path, identity] of read) await replace(path, await to.write(identity, random), random);
    return files;
  } finally {
    store.close();
  }
}

async function keysOf(home: string): Promise<string[]> {
  const { key, next, after } = keyFiles(home);
  const own: string[] = [];
  for (const path of [key, next, after]) if (await exists(path)) own.push(path);
  const folder = join(home, "agents");
  const agents = (await exists(folder)) ? await keyNames(folder) : [];
  return [...own, ...agents.map((name) => join(folder, name))];
}

async function readEither(path: string, from: KeyLock, to: KeyLock): Promise<Identity> {
  try {
    return await readKey(path, from);
  } catch (error) {
    if (!isProtocolError(error) || error.code !== "IDENTITY_UNREADABLE") throw error;
    return readKey(path, to).catch(() => {
      throw error;
    });
  }
}
