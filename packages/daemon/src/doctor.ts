/** What an operator would look at first, with or without a running daemon. */

import { existsSync, lstatSync, type Stats } from "node:fs";
import { basename } from "node:path";
import { keyFiles } from "@gridmesh/node";
import type { ProtocolError } from "@gridmesh/protocol";
import type { ControlClient, ControlWait } from "./client.ts";
import { loadConfig } from "./config/load.ts";
import type { ConfigProblem } from "./config/problem.ts";
import { checkNode } from "./doctor-node.ts";
import { checkSocketPath, type HomePaths } from "./home.ts";
import { allowedFilesOf, freeBytes, isKeySealed } from "./machine.ts";
import { storedPassphrase } from "./passphrase.ts";

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
    ...grouped("home", [
      folder(paths),
      key(paths),
      ...passphrase(examination),
      socket(paths),
      settings(examination),
    ]),
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

function key({ identity, home }: HomePaths): Found {
  if (statOf(identity) === undefined)
    return { name: "key", state: "note", text: "no key yet", fix: "gridmesh init" };
  const { next } = keyFiles(home);
  const wrong = [identity, next].flatMap((path) => wrongWithKey(path) ?? []);
  const [first] = wrong;
  if (first !== undefined) return { name: "key", state: "failed", ...first };
  const how = isKeySealed(identity) === true ? "sealed with a passphrase" : "in clear";
  const kept = statOf(next) === undefined ? "its next key is kept elsewhere" : "its next key lies beside it";
  return { name: "key", state: "ok", text: `identity.key is yours alone, ${how}; ${kept}` };
}

/** Undefined when only its owner can open it, or when there is none. */
function wrongWithKey(path: string): Pick<Found, "text" | "fix"> | undefined {
  const stat = statOf(path);
  const name = basename(path);
  if (stat === undefined) return undefined;
  if (!stat.isFile()) return { text: `${name} is a link or no file`, fix: `put the file itself at ${path}` };
  if (stat.uid !== process.getuid?.())
    return { text: `${name} belongs to another user`, fix: `chown $USER ${path}` };
  if ((stat.mode & 0o077) !== 0) return { text: `${name} is open to others`, fix: `chmod 600 ${path}` };
  return undefined;
}

/** Of sealed keys: where a start will take it from. */
function passphrase({ paths, env }: Examination): Found[] {
  if (isKeySealed(paths.identity) !== true) return [];
  const name = "passphrase";
  try {
    const { config } = loadConfig({ home: paths.home, env, flags: {} });
    const found = storedPassphrase({ paths, config, env });
    if (found !== undefined) return [{ name, state: "ok", text: "at hand, from a file or a credential" }];
    const fix = "start on a terminal, or gridmesh config set identity.passphraseFile <file>";
    return [{ name, state: "note", text: "asked for at every start", fix }];
  } catch (error) {
    const { code, message: text } = error as ProtocolError;
    // Settings that do not hold have a check of their own.
    if (code !== "IDENTITY_UNREADABLE") return [];
    return [{ name, state: "failed", text, fix: "gridmesh config show identity.passphraseFile" }];
  }
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
