/** The program itself, in a process of its own, to be killed and started again. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { controlClient } from "@gridmesh/daemon";
import { NETWORK, until } from "./kit.ts";

const program = fileURLToPath(new URL("../packages/daemon/bin/gridmesh.js", import.meta.url));

export interface Daemon {
  readonly home: string;
  readonly nodeId: string;
  /** Its multiaddr over TCP. */
  readonly address: string;
  kill(): Promise<void>;
}

/** Starts it in a folder of its own, or once more in that of another, on its port. */
export async function startedDaemon(undo: AsyncDisposableStack, before?: Daemon): Promise<Daemon> {
  // A unix socket's path holds 107 bytes.
  const home = before?.home ?? mkdtempSync("/tmp/gm-");
  if (before === undefined) undo.defer(() => rmSync(home, { recursive: true, force: true }));
  const listen = (before?.address ?? "/ip4/127.0.0.1/tcp/0").replace(/\/p2p\/.*/u, "");
  const lines = [
    `network = "${NETWORK}"`,
    'profile = "testnet"',
    `listen = ["${listen}"]`,
    "peers.allowForeign = true",
  ];
  writeFileSync(join(home, "config.toml"), `${lines.join("\n")}\n`);
  const child = spawn(process.execPath, [program, "start", "--home", home], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
  undo.defer(() => killed(child));
  const client = controlClient(join(home, "control.sock"));
  let found: { readonly peerId: string; readonly addresses: readonly string[] } | undefined;
  await until("the daemon answers", async () => {
    if (child.exitCode !== null) throw new Error(`the daemon ended\n${errors}`);
    found = await client.node({ timeoutMs: 2_000 }).catch(() => undefined);
    return found !== undefined;
  });
  const { peerId = "", addresses = [] } = found ?? {};
  return { home, nodeId: peerId, address: addresses[0] ?? "", kill: () => killed(child) };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
