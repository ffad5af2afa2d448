/** The daemon in the foreground: from the command line to the last line it prints. */

import { flushCompileCache } from "node:module";
import type { Log } from "@gridmesh/node";
import type { Invocation } from "./cli/invocation.ts";
import { settingFlags } from "./config/flags.ts";
import { loadConfig, type LoadedConfig } from "./config/load.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { checkSocketPath, makeHome } from "./home.ts";
import { initHome } from "./init-home.ts";
import { createLog } from "./log.ts";
import { lockOf } from "./passphrase.ts";
import { bannerLines, type Reporter, reporterFor } from "./reporter.ts";

const STATUS_EVERY_MS = 30_000;
const CHANGES_EVERY_MS = 1_000;
/** A second signal skips to the end; the code says which one it was. */
const SECOND_SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Runs until a signal, a stop request or a vanished parent ends it; returns the exit code. */
export async function runDaemon(invocation: Invocation): Promise<number> {
  const { paths, io } = invocation;
  // Before anything is made: a home nobody can talk to is of no use.
  checkSocketPath(paths.socket);
  makeHome(paths);
  const given = settingFlags(invocation.options);
  const sources = { home: paths.home, env: io.env, flags: given };
  const lock = await lockOf({ paths, config: loadConfig(sources).config, io });
  const made = await initHome(paths, { profile: given["profile"], lock });
  const loaded = loadConfig(sources);
  const format = formatOf(loaded, invocation);
  const log = logFor(loaded, invocation, format);
  const reporter = reporterFor({ invocation, log, format });
  for (const warning of loaded.warnings) log.warn("config.stray", warning);

  const daemon = await startDaemon({ paths, loaded, log, lock });
  // Left to the end, writing the cache of compiled code takes half a second of the stop, more with many nodes at once.
  flushCompileCache();
  // Whoever reads that it has started may end it at once.
  endOnSignals(daemon, log);
  reporter.started(bannerLines({ daemon, loaded, made, paths }), daemon.context);
  endWithParent(daemon, log);
  const ticking = reportStatus(daemon, reporter);
  try {
    await daemon.stopped;
  } finally {
    ticking[Symbol.dispose]();
  }
  reporter.ended();
  // Sockets a peer keeps half-open must not hold the process.
  setImmediate(() => process.exit(0));
  return 0;
}

function formatOf({ config }: LoadedConfig, { io }: Invocation): "json" | "pretty" {
  if (config.log.format !== "auto") return config.log.format;
  return io.isTty ? "pretty" : "json";
}

function logFor({ config }: LoadedConfig, invocation: Invocation, format: "json" | "pretty"): Log {
  const { level, levels } = config.log;
  // With --json, stdout belongs to the verb's own lines.
  const destination = invocation.json ? { write: (line: string) => invocation.io.err(line) } : undefined;
  return createLog({ level, levels, format, ...(destination === undefined ? {} : { destination }) });
}

function endOnSignals(daemon: Daemon, log: Log): void {
  let asked = false;
  const onSignal = (signal: keyof typeof SECOND_SIGNAL_EXIT) => {
    // Ctrl-C reaches every process of a terminal at once; a child leaves the decision to its parent.
    if (signal === "SIGINT" && process.send !== undefined) return;
    if (asked) process.exit(SECOND_SIGNAL_EXIT[signal]);
    asked = true;
    log.info("daemon.stopping", `${signal}: stopping; a second one ends at once`);
    daemon.stop({ now: false }).catch(() => undefined);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.on("SIGHUP", onSignal);
}

/** A parent that holds an IPC channel says hello by it; when it is gone, even by SIGKILL, so are we. */
function endWithParent(daemon: Daemon, log: Log): void {
  if (process.send === undefined) return;
  const { node, context } = daemon;
  process.once("disconnect", () => {
    log.info("daemon.stopping", "the parent process is gone");
    daemon.stop({ now: false }).catch(() => undefined);
  });
  process.send({
    type: "ready",
    peerId: node.id,
    addresses: node.addresses,
    statusPage: context.statusPage(),
  });
}

/** A status line every 30 s, and sooner when what it says has changed. */
function reportStatus(daemon: Daemon, reporter: Reporter): Disposable {
  let last = "";
  let lastMs = Date.now();
  const tick = setInterval(() => {
    const line = reporter.statusText(daemon.context);
    const nowMs = Date.now();
    if (line === last && nowMs - lastMs < STATUS_EVERY_MS) return;
    last = line;
    lastMs = nowMs;
    reporter.status(line, daemon.context);
  }, CHANGES_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(tick) };
}
