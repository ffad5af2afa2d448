/** The home folder: where it is, what lies in it, and the small file that tells others of a running daemon. */

import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ProtocolError } from "@gridmesh/protocol";

/** The longest path a unix socket address holds: `sun_path` less its closing zero. */
const MAX_SOCKET_PATH_BYTES = 107;

export interface HomePaths {
  readonly home: string;
  readonly config: string;
  readonly socket: string;
  readonly daemonFile: string;
  readonly logs: string;
  readonly identity: string;
}

/** `--home`, else GRIDMESH_HOME, else `~/.gridmesh`. */
export function homePaths(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): HomePaths {
  const home = resolve(flag ?? env["GRIDMESH_HOME"] ?? join(homedir(), ".gridmesh"));
  return {
    home,
    config: join(home, "config.toml"),
    socket: join(home, "control.sock"),
    daemonFile: join(home, "daemon.json"),
    logs: join(home, "logs"),
    identity: join(home, "identity.key"),
  };
}

/** @throws CONFIG_INVALID with the length: the kernel would cut the path, or fail without saying why. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return;
  throw new ProtocolError(
    "CONFIG_INVALID",
    `the control socket's path is ${bytes} bytes long, ${MAX_SOCKET_PATH_BYTES} are allowed: ${path}. Choose a shorter --home`,
    { data: { path, bytes, maxBytes: MAX_SOCKET_PATH_BYTES } },
  );
}

/** Whether the folder had to be made; that something else is there is left to others to see. */
function madeFolder(path: string): boolean {
  try {
    return mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    throw new ProtocolError(
      "IDENTITY_UNREADABLE",
      `${path} cannot be made (${code ?? "unknown"}): choose another --home`,
      { cause: error },
    );
  }
}

/** Makes the home folder, readable by its owner alone; returns whether it is new. @throws IDENTITY_UNREADABLE */
export function makeHome(paths: HomePaths): boolean {
  const fresh = madeFolder(paths.home);
  const stat = lstatSync(paths.home);
  if (!stat.isDirectory()) {
    throw new ProtocolError(
      "IDENTITY_UNREADABLE",
      `${paths.home} is a link or no folder; give its real path`,
    );
  }
  if (process.getuid !== undefined && stat.uid !== process.getuid()) {
    throw new ProtocolError(
      "IDENTITY_UNREADABLE",
      `${paths.home} belongs to another user: start as that user, or choose another --home`,
    );
  }
  if ((stat.mode & 0o077) !== 0 && !fresh) {
    throw new ProtocolError(
      "IDENTITY_UNREADABLE",
      `${paths.home} is open to others: chmod 700 ${paths.home}`,
    );
  }
  return fresh;
}

/** What a daemon writes of itself into `daemon.json`. */
export interface DaemonFile {
  readonly pid: number;
  readonly version: string;
  readonly bootId: string;
  readonly state: "starting" | "running";
  /** Path of the control socket. */
  readonly control: string;
  readonly startedAtMs: number;
}

export function readDaemonFile(paths: HomePaths): DaemonFile | undefined {
  try {
    return JSON.parse(readFileSync(paths.daemonFile, "utf8")) as DaemonFile;
  } catch {
    return undefined;
  }
}

/** Whether the process that wrote the file still lives. */
export function isAlive(file: DaemonFile | undefined): file is DaemonFile {
  if (file === undefined || !Number.isSafeInteger(file.pid) || file.pid <= 0) return false;
  try {
    process.kill(file.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export function writeDaemonFile(paths: HomePaths, file: DaemonFile): void {
  writePrivate(paths.daemonFile, `${JSON.stringify(file)}\n`);
}

/** Removes our own file and socket; another daemon's are left alone. */
export function forgetDaemon(paths: HomePaths, bootId: string): void {
  if (readDaemonFile(paths)?.bootId === bootId) rmSync(paths.daemonFile, { force: true });
}

/** Replaces a file at once, readable by the owner alone. */
export function writePrivate(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}
