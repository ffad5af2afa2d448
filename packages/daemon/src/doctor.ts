/** What an operator would look at first, with or without a running daemon. */

import { existsSync, lstatSync, readFileSync, statfsSync, type Stats } from "node:fs";
import { isProtocolError } from "@gridmesh/protocol";
import type { ControlClient, ControlWait } from "./client.ts";
import { loadConfig } from "./config/load.ts";
import { checkSocketPath, type HomePaths } from "./home.ts";

export interface Check {
  readonly name: string;
  /** `note` asks for nothing; `failed` makes the verb end in 7. */
  readonly state: "ok" | "note" | "failed";
  readonly text: string;
  readonly fix?: string;
}

export interface Examination {
  readonly paths: HomePaths;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly daemon: ControlClient;
  readonly wait: ControlWait;
}

const NEEDED_NODE = 24;
/** Below this the node warns, and soon takes no new work. */
const LOW_DISK_BYTES = 1024 ** 3;
/** A node with 128 links, its store and its agents. */
const NEEDED_FILES = 1_024;

/** Every check in the order of what depends on what. */
export async function examine(examination: Examination): Promise<Check[]> {
  const { paths } = examination;
  return [
    runtime(),
    openFiles(),
    folder(paths),
    key(paths),
    socket(paths),
    settings(examination),
    disk(paths),
    atRest(),
    ...(await running(examination)),
  ];
}

function runtime(): Check {
  const found = process.versions.node;
  const good = Number(found.split(".")[0]) >= NEEDED_NODE;
  return good
    ? { name: "runtime", state: "ok", text: `Node ${found}` }
    : { name: "runtime", state: "failed", text: `Node ${found}`, fix: `install Node ${NEEDED_NODE}` };
}

function openFiles(): Check {
  const limit = /Max open files\s+(\d+)/.exec(textOf("/proc/self/limits"))?.[1];
  if (limit === undefined)
    return { name: "open files", state: "note", text: "the limit is unknown on this system" };
  if (Number(limit) >= NEEDED_FILES) return { name: "open files", state: "ok", text: `${limit} allowed` };
  return { name: "open files", state: "failed", text: `${limit} allowed`, fix: `ulimit -n ${NEEDED_FILES}` };
}

function folder({ home }: HomePaths): Check {
  const stat = statOf(home);
  if (stat === undefined)
    return { name: "home", state: "note", text: `${home} does not exist yet`, fix: "gridmesh init" };
  if (!stat.isDirectory())
    return { name: "home", state: "failed", text: `${home} is no folder`, fix: "choose another --home" };
  if ((stat.mode & 0o077) !== 0) {
    return { name: "home", state: "failed", text: `${home} is open to others`, fix: `chmod 700 ${home}` };
  }
  return { name: "home", state: "ok", text: home };
}

function key({ identity }: HomePaths): Check {
  const stat = statOf(identity);
  if (stat === undefined) return { name: "key", state: "note", text: "no key yet", fix: "gridmesh init" };
  if (!stat.isFile()) {
    return {
      name: "key",
      state: "failed",
      text: "identity.key is a link or no file",
      fix: `put the file itself at ${identity}`,
    };
  }
  if (stat.uid !== process.getuid?.()) {
    return {
      name: "key",
      state: "failed",
      text: "identity.key belongs to another user",
      fix: `chown $USER ${identity}`,
    };
  }
  if ((stat.mode & 0o077) !== 0) {
    return {
      name: "key",
      state: "failed",
      text: "identity.key is open to others",
      fix: `chmod 600 ${identity}`,
    };
  }
  return { name: "key", state: "ok", text: "identity.key is yours alone" };
}

function socket(paths: HomePaths): Check {
  try {
    checkSocketPath(paths.socket);
    return { name: "socket path", state: "ok", text: `${Buffer.byteLength(paths.socket)} bytes` };
  } catch (error) {
    return {
      name: "socket path",
      state: "failed",
      text: (error as Error).message,
      fix: "choose a shorter --home",
    };
  }
}

function settings({ paths, env }: Examination): Check {
  try {
    const { warnings } = loadConfig({ home: paths.home, env, flags: {} });
    if (warnings.length > 0) return { name: "config", state: "note", text: warnings.join("; ") };
    return {
      name: "config",
      state: "ok",
      text: existsSync(paths.config) ? paths.config : "no file, all defaults",
    };
  } catch (error) {
    return { name: "config", state: "failed", text: (error as Error).message, fix: `edit ${paths.config}` };
  }
}

function disk({ home }: HomePaths): Check {
  if (!existsSync(home)) return { name: "disk", state: "note", text: "no home yet" };
  const { bavail, bsize } = statfsSync(home);
  const free = bavail * bsize;
  const text = `${(free / LOW_DISK_BYTES).toFixed(1)} GiB free`;
  if (free >= LOW_DISK_BYTES) return { name: "disk", state: "ok", text };
  return { name: "disk", state: "failed", text, fix: "make room: below 200 MiB the node takes no new work" };
}

function atRest(): Check {
  return {
    name: "at rest",
    state: "note",
    text: "journal and state are not encrypted by gridmesh",
    fix: "use an encrypted disk where that matters",
  };
}

async function running({ daemon, wait }: Examination): Promise<Check[]> {
  try {
    const node = await daemon.node(wait);
    const findings = await daemon.findings(wait);
    return [
      { name: "daemon", state: "ok", text: `${node.state}, pid ${node.pid}, ${node.peerId}` },
      ...findings.map((finding): Check => ({
        name: finding.code,
        state: finding.severity === "info" ? "note" : "failed",
        text: finding.text,
        fix: finding.fix,
      })),
    ];
  } catch (error) {
    if (!isProtocolError(error) || error.code !== "NOT_RUNNING") throw error;
    return [{ name: "daemon", state: "note", text: "not running", fix: "gridmesh start" }];
  }
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
