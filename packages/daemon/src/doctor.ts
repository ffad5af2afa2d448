/** What an operator would look at first, with or without a running daemon. */

import { existsSync, lstatSync, type Stats } from "node:fs";
import type { ProtocolError } from "@gridmesh/protocol";
import type { ControlClient, ControlWait } from "./client.ts";
import { loadConfig } from "./config/load.ts";
import type { ConfigProblem } from "./config/problem.ts";
import { checkNode } from "./doctor-node.ts";
import { checkSocketPath, type HomePaths } from "./home.ts";
import { allowedFilesOf, freeBytes } from "./machine.ts";

export const checkGroups = ["machine", "home", "node", "network", "work"] as const;
export type CheckGroup = (typeof checkGroups)[number];

export interface Check {
  readonly group: CheckGroup;
  /** A finding's code where it is one. */
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

/** What a check finds, before it is put into its group. */
type Found = Omit<Check, "group">;

/** Every check in the order of what depends on what. */
export async function examine(examination: Examination): Promise<Check[]> {
  const { paths } = examination;
  return [
    ...grouped("machine", [runtime(), openFiles(), disk(paths), atRest()]),
    ...grouped("home", [folder(paths), key(paths), socket(paths), settings(examination)]),
    ...(await checkNode(examination)),
  ];
}

function grouped(group: CheckGroup, found: readonly Found[]): Check[] {
  return found.map((check) => ({ group, ...check }));
}

function runtime(): Found {
  const found = process.versions.node;
  const good = Number(found.split(".")[0]) >= NEEDED_NODE;
  return good
    ? { name: "runtime", state: "ok", text: `Node ${found}` }
    : { name: "runtime", state: "failed", text: `Node ${found}`, fix: `install Node ${NEEDED_NODE}` };
}

function openFiles(): Found {
  const limit = allowedFilesOf();
  if (limit === undefined)
    return { name: "open files", state: "note", text: "the limit is unknown on this system" };
  if (limit >= NEEDED_FILES) return { name: "open files", state: "ok", text: `${limit} allowed` };
  return { name: "open files", state: "failed", text: `${limit} allowed`, fix: `ulimit -n ${NEEDED_FILES}` };
}

function folder({ home }: HomePaths): Found {
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

function key({ identity }: HomePaths): Found {
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

function socket(paths: HomePaths): Found {
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

function settings({ paths, env }: Examination): Found {
  try {
    const { warnings } = loadConfig({ home: paths.home, env, flags: {} });
    if (warnings.length > 0) return { name: "config", state: "note", text: warnings.join("; ") };
    return {
      name: "config",
      state: "ok",
      text: existsSync(paths.config) ? paths.config : "no file, all defaults",
    };
  } catch (error) {
    const { message: text, data } = error as ProtocolError;
    const [first] = (data?.["problems"] ?? []) as unknown as readonly ConfigProblem[];
    return { name: first?.finding ?? "config", state: "failed", text, fix: `edit ${paths.config}` };
  }
}

function disk({ home }: HomePaths): Found {
  if (!existsSync(home)) return { name: "disk", state: "note", text: "no home yet" };
  const free = freeBytes(home);
  const text = `${(free / LOW_DISK_BYTES).toFixed(1)} GiB free`;
  if (free >= LOW_DISK_BYTES) return { name: "disk", state: "ok", text };
  return { name: "disk", state: "failed", text, fix: "make room: below 200 MiB the node takes no new work" };
}

function atRest(): Found {
  return {
    name: "at rest",
    state: "note",
    text: "journal and state are not encrypted by gridmesh",
    fix: "use an encrypted disk where that matters",
  };
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
