/** A home that did not exist a moment ago: folder, key, config. */

import { existsSync, writeFileSync } from "node:fs";
import {
  createIdentity,
  hasIdentity,
  type KeyLock,
  keyFiles,
  loadIdentity,
  prepareSuccession,
} from "@gridmesh/node";
import { type HomePaths, makeHome } from "./home.ts";

export interface InitialisedHome {
  readonly peerId: string;
  /** Files made now; empty when everything was there. */
  readonly files: readonly string[];
}

/** Makes what is missing and touches nothing that is there. @throws IDENTITY_UNREADABLE */
export async function initHome(
  paths: HomePaths,
  { profile, lock }: { readonly profile: string | undefined; readonly lock: KeyLock },
): Promise<InitialisedHome> {
  makeHome(paths);
  const files: string[] = [];
  const known = await hasIdentity(paths.home);
  const identity = known
    ? await loadIdentity(paths.home, { lock })
    : await createIdentity(paths.home, { lock });
  if (!known) files.push(paths.identity, keyFiles(paths.home).next);
  // A home of an earlier release has announced no next key.
  await prepareSuccession(paths.home, { lock });
  if (!existsSync(paths.config)) {
    writeFileSync(paths.config, template(profile), { mode: 0o600, flag: "wx" });
    files.push(paths.config);
  }
  return { peerId: identity.peerId, files };
}

function template(profile: string | undefined): string {
  return `# Settings of this gridmesh node. gridmesh config show lists every key with its value and where it comes from;
# gridmesh config set <key> <value> changes one line and leaves the rest alone.
profile = ${JSON.stringify(profile ?? "lan")}
`;
}
