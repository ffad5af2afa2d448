/** Real daemons for a bench: each with a home, one agent and the same bootstrap peer, gone when it ends. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { type ControlClient, controlClient } from "../packages/daemon/src/index.ts";
import { childFlags } from "../packages/daemon/src/testnet/child-flags.ts";
import { ownEnvironment } from "./process.ts";
import { program } from "./program.ts";

/** An asking costs each half a millisecond; asked seldom, it is the asking that is measured. */
const POLL_MS = 150;
const LOST_MS = 120_000;

export interface Daemon {
  readonly process: ChildProcess;
  readonly control: ControlClient;
  readonly log: string;
}

export interface Home {
  readonly folder: string;
  readonly index: number;
  /** Where the first of them listens and all others look. */
  readonly port: number;
  readonly network: string;
  /** The text of its one agent's table, without its name. */
  readonly agent: string;
}

/** Writes a home and returns its folder. */
export function homeIn({ folder, index, port, network, agent }: Home): string {
  const home = join(folder, String(index));
  mkdirSync(home, { mode: 0o700 });
  const place = `/ip4/127.0.0.1/tcp/${port}`;
  const own = index === 0 ? `listen = ["${place}"]\n` : "";
  const bootstrap = index === 0 ? "" : `"${place}"`;
  writeFileSync(
    join(home, "config.toml"),
    `network = "${network}"\nprofile = "testnet"\n${own}[discovery]\nbootstrap = [${bootstrap}]\n` +
      `[[agents]]\naccess = "network"\n${agent}\n`,
    { mode: 0o600 },
  );
  return home;
}

/** @param among - how many there are of them; a testnet starts so many under these flags */
export function spawned(home: string, among: number): Daemon {
  const log = join(home, "out.log");
  const out = openSync(log, "a", 0o600);
  const words = [...childFlags(among), program, "start", "--home", home];
  const child = spawn(process.execPath, words, { stdio: ["ignore", out, out], env: ownEnvironment() });
  return { process: child, control: controlClient(join(home, "control.sock")), log };
}

/** Resolves once it holds for each of them. @throws when one of them ends, or has not come to it in two minutes */
export async function each(
  daemons: readonly Daemon[],
  holds: (daemon: Daemon) => Promise<boolean>,
): Promise<void> {
  const endMs = performance.now() + LOST_MS;
  await Promise.all(
    daemons.map(async (daemon) => {
      while (!(await holds(daemon).catch(() => false))) {
        const ended = daemon.process.exitCode ?? daemon.process.signalCode;
        assert.equal(ended, null, `a daemon ended: ${readFileSync(daemon.log, "utf8").slice(-500)}`);
        assert.ok(
          performance.now() < endMs,
          `not within two minutes: ${readFileSync(daemon.log, "utf8").slice(-500)}`,
        );
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }),
  );
}

export async function killed({ process: child }: Daemon): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
