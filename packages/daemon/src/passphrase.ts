/** Where the passphrase of a home's keys comes from: a file, a systemd credential, or somebody at a terminal. */

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { keyLock, type KeyLock } from "@gridmesh/node";
import { ProtocolError } from "@gridmesh/protocol";
import type { Io } from "./cli/io.ts";
import { UsageError } from "./cli/usage-error.ts";
import type { Config } from "./config/schema.ts";
import type { HomePaths } from "./home.ts";
import { isKeySealed } from "./machine.ts";

const CREDENTIAL = "gridmesh-passphrase";
const MAX_BYTES = 1_024;
const MIN_CHARACTERS = 8;

export interface KeySources {
  readonly paths: HomePaths;
  readonly config: Config;
  readonly io: Io;
}

/** What opens the keys of a home, and seals those that are made. @throws IDENTITY_UNREADABLE: sealed, and nobody says with what. */
export async function lockOf({ paths, config, io }: KeySources): Promise<KeyLock> {
  const sealed = isKeySealed(paths.identity);
  const kept = storedPassphrase({ paths, config, env: io.env });
  // A key in clear stays in clear, and its agents' keys with it, until `id passphrase set`.
  if (kept !== undefined) return keyLock(sealed === false ? undefined : kept);
  if (sealed !== true) return keyLock(undefined);
  if (io.askSecret === undefined) {
    throw new ProtocolError(
      "IDENTITY_UNREADABLE",
      `${paths.identity} is sealed with a passphrase and there is no terminal to ask at; name its file in identity.passphraseFile, or give the systemd credential ${CREDENTIAL}`,
    );
  }
  return keyLock(await io.askSecret(`passphrase of ${paths.home}: `));
}

/** From the file of the settings, else the credential; undefined where there is neither. @throws IDENTITY_UNREADABLE. */
export function storedPassphrase({
  paths,
  config,
  env,
}: Pick<KeySources, "paths" | "config"> & Pick<Io, "env">): string | undefined {
  const { passphraseFile } = config.identity;
  if (passphraseFile !== undefined) return passphraseIn(resolve(paths.home, passphraseFile), true);
  const folder = env["CREDENTIALS_DIRECTORY"];
  if (folder === undefined || folder === "") return undefined;
  try {
    return passphraseIn(join(folder, CREDENTIAL), false);
  } catch (error) {
    // Other credentials may lie there alone.
    if ((error as ProtocolError).data?.["missing"] === true) return undefined;
    throw error;
  }
}

/** A new passphrase, typed twice. @throws INVALID_PARAMS, IDENTITY_UNREADABLE. */
export async function newPassphrase(io: Io): Promise<string> {
  if (io.askSecret === undefined) {
    throw new UsageError(
      "there is no terminal to ask for the passphrase at",
      "write it into a file of mode 0600 and name that with --file or in identity.passphraseFile",
    );
  }
  const first = await io.askSecret("new passphrase: ");
  if (first !== (await io.askSecret("again: "))) {
    throw new ProtocolError("INVALID_PARAMS", "the two passphrases are not the same");
  }
  return checked(first, "the passphrase");
}

/** @param ownAlone - refuse a file that others may open; a credential's folder keeps others out by itself */
export function passphraseIn(path: string, ownAlone: boolean): string {
  const refuse = (what: string, missing = false) =>
    new ProtocolError("IDENTITY_UNREADABLE", `${path} ${what}`, { data: { path, missing } });
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ELOOP") throw refuse("is a link; name the file itself");
    throw refuse(`cannot be opened (${String(code)})`, code === "ENOENT");
  }
  try {
    const { mode, uid, size } = fstatSync(file);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw refuse("is no regular file");
    if (ownAlone && uid !== process.getuid?.()) throw refuse("belongs to another user");
    if (ownAlone && (mode & 0o077) !== 0) throw refuse(`is open to others; run: chmod 600 ${path}`);
    if (size > MAX_BYTES) throw refuse(`holds more than ${MAX_BYTES} bytes`);
    return checked(readFileSync(file, "utf8").replace(/\r?\n$/, ""), path);
  } finally {
    closeSync(file);
  }
}

/** What it says stays out of the error. */
function checked(passphrase: string, where: string): string {
  if (/\p{Cc}/u.test(passphrase)) {
    throw new ProtocolError(
      "IDENTITY_UNREADABLE",
      `${where} holds more than one line, or control characters`,
    );
  }
  if (Array.from(passphrase).length >= MIN_CHARACTERS) return passphrase;
  throw new ProtocolError("IDENTITY_UNREADABLE", `${where} has fewer than ${MIN_CHARACTERS} characters`);
}
