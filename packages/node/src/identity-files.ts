/** Files that hold keys: opened only when nobody else may, written whole or not at all. */

import { constants } from "node:fs";
import { link, lstat, mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ProtocolError } from "@gridmesh/protocol";
import type { Random } from "./clock.ts";

const MAX_BYTES = 64 * 1024;

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw unreadable(path, "cannot be looked at", error);
  }
}

/** Names of the keys in a folder, those of a handover under way among them. @throws IDENTITY_UNREADABLE. */
export async function keyNames(folder: string): Promise<string[]> {
  await checkFolder(folder);
  return (await readdir(folder)).filter((name) => /^[a-z0-9].*\.key(?:\.next)?$/.test(name)).toSorted();
}

/** A folder of this user alone, made when absent. @throws IDENTITY_UNREADABLE. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await checkFolder(path);
}

/** @throws IDENTITY_UNREADABLE: absent, a link, another's, open to others. */
export async function checkFolder(path: string): Promise<void> {
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

/** The text of a file that only this user can open. @throws IDENTITY_UNREADABLE, with the line that repairs it. */
export async function readOwn(path: string): Promise<string> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const found = await file.stat();
    if (!found.isFile()) throw unreadable(path, "is no regular file");
    if (found.uid !== process.getuid?.()) {
      throw unreadable(path, `belongs to another user; run: chown $USER ${path}`);
    }
    if ((found.mode & 0o077) !== 0) throw unreadable(path, `is open to others; run: chmod 600 ${path}`);
    if (found.size > MAX_BYTES) throw unreadable(path, "is too large for what it should hold");
    return await file.readFile("utf8");
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    throw unreadable(
      path,
      code === "ELOOP" ? "is a link; put the file itself there" : "cannot be opened",
      error,
    );
  }
}

/** A temporary file, fsynced, then linked to its name: the name appears whole, and only if it was free. */
export async function writeNew(path: string, text: string, random: Random): Promise<void> {
  await drafted(path, text, { random, settle: (draft) => linked(draft, path) });
}

/** As `writeNew`, in the place of whatever has the name. */
export async function replace(path: string, text: string, random: Random): Promise<void> {
  await drafted(path, text, { random, settle: (draft) => rename(draft, path) });
}

/** Gives a file another name in the same folder, whatever had it before. */
export async function moveTo(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
    await syncFolder(dirname(to));
  } catch (error) {
    throw unreadable(to, "cannot be written", error);
  }
}

async function drafted(
  path: string,
  text: string,
  by: { readonly random: Random; readonly settle: (draft: string) => Promise<void> },
): Promise<void> {
  const folder = dirname(path);
  const draft = join(folder, `.${basename(path)}.${Buffer.from(by.random.bytes(8)).toString("hex")}`);
  try {
    {
      await using file = await open(draft, "wx", 0o600);
      await file.writeFile(text);
      await file.sync();
    }
    await by.settle(draft);
    await syncFolder(folder);
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw unreadable(path, taken ? "exists already and is never replaced" : "cannot be written", error);
  }
}

async function linked(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path);
  } finally {
    await unlink(draft);
  }
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await folder.sync();
}

export function unreadable(path: string, what: string, cause?: unknown): ProtocolError {
  return new ProtocolError("IDENTITY_UNREADABLE", `${path} ${what}`, cause === undefined ? {} : { cause });
}
