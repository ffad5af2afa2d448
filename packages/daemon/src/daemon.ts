/** One running daemon: a node in its home, its guests, its control socket; undone in reverse when it stops. */

import { randomUUID } from "node:crypto";
import {
  type AgentNode,
  createNode,
  type KeyLock,
  type Log,
  type MarketClock,
  marketClock,
  type MarketClockState,
  systemClock,
  systemProcesses,
} from "@gridmesh/node";
import { isProtocolError } from "@gridmesh/protocol";
import { agentRights } from "./agent-rights.ts";
import { alreadyRunning } from "./already-running.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { Config } from "./config/schema.ts";
import type { ControlContext } from "./control/context.ts";
import {
  type DaemonFile,
  forgetDaemon,
  type HomePaths,
  isAlive,
  readDaemonFile,
  writeDaemonFile,
} from "./home.ts";
import { type Doors, openDoors } from "./doors.ts";
import { operator } from "./gateway/guard.ts";
import { loadAgents } from "./load-agents.ts";
import { exposure, observeMachine } from "./machine.ts";
import type { ForeignMetrics } from "./metrics/foreign.ts";
import type { MetricsPage } from "./metrics/page.ts";
import { networkOptions, type NetworkSide } from "./network-options.ts";
import { openStatusPage } from "./status-page.ts";
import { version } from "./version.ts";
import { commonMarketMs } from "./market-time.ts";

export interface DaemonOptions {
  readonly paths: HomePaths;
  readonly loaded: LoadedConfig;
  readonly log: Log;
  /** Of the keys of the home; absent: they lie there in clear. */
  readonly lock?: KeyLock | undefined;
}

export interface Daemon {
  readonly node: AgentNode;
  readonly context: ControlContext;
  /** Resolves when everything has ended, whoever asked for it. */
  readonly stopped: Promise<void>;
  /** Drains and ends, within 5 s; `now` skips the drain. Again: the same end. */
  stop(options: { readonly now: boolean }): Promise<void>;
}

/** What came of the parts of a daemon so far. */
interface Running {
  page: string | null;
  beckn: string | null;
  doors: Doors | undefined;
  stop: Promise<void> | undefined;
}

const CONSENT_MS = 10_000;
/** What is left for closing after the drain, so that a stop ends within 5 s. */
const CLOSING_MS = 1_800;

/** Starts in order: agents' modules, node, status page, control socket. @throws the code of the step that failed. */
export async function startDaemon({ paths, loaded, log, lock }: DaemonOptions): Promise<Daemon> {
  const { config } = loaded;
  const file = startingFile(paths);
  await using undo = new AsyncDisposableStack();
  announceStart(paths, file, undo);

  const clock = marketClockFor(config);
  const rights = agentRights();
  const agents = await loadAgents(config.agents, paths.home, rights);
  const { foreign, ...network } = await networkOptions(config, paths.home);
  const node = await openNode({ paths, config, network, agents, market: clock.market, log, lock, undo });

  const stopping = Promise.withResolvers<void>();
  const running: Running = { page: null, beckn: null, doors: undefined, stop: undefined };
  const context: ControlContext = {
    node,
    rights,
    config,
    values: loaded.values,
    market: clock.market,
    version: file.version,
    bootId: file.bootId,
    home: paths.home,
    startedAtMs: file.startedAtMs,
    statusPage: () => running.page,
    becknHttp: () => running.beckn,
    gateway: () => running.doors?.url ?? null,
    consent: (reference) => consentTo(context, reference),
    metricsText: metricsOf(node, foreign),
    requestStop: (now) => void stop({ now }),
    stopping: () => running.stop !== undefined,
    clockState: () => clock.state(),
    setClock: (state) => clock.set(state),
  };
  if (config.status.listen !== "") {
    running.page = undo.use(await openStatusPage(config.status.listen, context)).address;
  }
  running.beckn = await openBeckn({ config, home: paths.home, node, log, undo });
  // Last: a stop may be asked for as soon as the socket listens.
  running.doors = undo.use(await openDoors({ context, paths, log, lent: rights.tokens }));
  rights.openAt(running.doors.url);
  writeDaemonFile(paths, { ...file, state: "running" });

  // A disk that fails ends the node by itself; the daemon ends with it and says why.
  node.ended.catch((error: unknown) => {
    log.error("daemon.failed", error instanceof Error ? error.message : "the node ended");
    running.stop ??= end(true).then(() => stopping.reject(error));
  });
  const kept = undo.move();
  const end = async (now: boolean): Promise<void> => {
    try {
      await node.stop({ deadlineMs: now ? 0 : config.drainMs + CLOSING_MS });
      await kept.disposeAsync();
    } catch (error) {
      stopping.reject(error);
    }
  };
  const stop: Daemon["stop"] = ({ now }) => {
    running.stop ??= end(now).then(() => stopping.resolve());
    return running.stop;
  };
  return { node, context, stopped: stopping.promise, stop };
}

/** Of the meta-agent, which a plain daemon does not load. */
async function consentTo(context: ControlContext, reference: string): Promise<string> {
  const { MetaTools } = await import("./gateway/mcp-meta-tools.ts");
  const signal = AbortSignal.timeout(CONSENT_MS);
  return new MetaTools(context).consent(reference, { caller: operator, signal });
}

/** Loaded where it is wanted alone: it costs start time and memory. */
async function openBeckn(options: {
  readonly config: Config;
  readonly home: string;
  readonly node: AgentNode;
  readonly log: Log;
  readonly undo: AsyncDisposableStack;
}): Promise<string | null> {
  const { config, home, node, log, undo } = options;
  if (!config.beckn.http.enabled) return null;
  const { openBecknGateway } = await import("./gateway/beckn-http/index.ts");
  return undo.use(await openBecknGateway({ config: config.beckn, home, node, log: log.child("beckn") }))
    .address;
}

function startingFile({ socket }: HomePaths): DaemonFile {
  return {
    pid: process.pid,
    version: version(),
    bootId: randomUUID(),
    state: "starting",
    control: socket,
    startedAtMs: Date.now(),
  };
}

/** Tells verbs that wait that somebody is starting; another daemon's file is left alone. */
function announceStart(paths: HomePaths, file: DaemonFile, undo: AsyncDisposableStack): void {
  if (!isAlive(readDaemonFile(paths))) writeDaemonFile(paths, file);
  undo.defer(() => forgetDaemon(paths, file.bootId));
}

async function openNode(options: {
  readonly paths: HomePaths;
  readonly config: Config;
  readonly network: NetworkSide;
  readonly agents: Awaited<ReturnType<typeof loadAgents>>;
  readonly market: MarketClock;
  readonly log: Log;
  readonly lock: KeyLock | undefined;
  readonly undo: AsyncDisposableStack;
}): Promise<AgentNode> {
  const { paths, config, network, agents, market, log, lock, undo } = options;
  const exposed = config.profile === "public" || config.profile === "private";
  const machine = undo.use(observeMachine(paths, exposed));
  try {
    const node = await createNode({
      home: paths.home,
      lock,
      ...network,
      agents,
      children: { processes: systemProcesses(), max: config.children.max, env: process.env },
      market,
      beckn: config.beckn,
      observe: () => [...machine.observe(), ...exposure(config.control.listen)],
      log: log.child("node"),
    });
    undo.defer(() => node.stop({ deadlineMs: 0 }));
    return node;
  } catch (error) {
    throw isProtocolError(error) && error.code === "ALREADY_RUNNING" ? alreadyRunning(paths, error) : error;
  }
}

/** Rendering costs start time and memory: it is loaded when somebody asks for the first time. */
function metricsOf(node: AgentNode, foreign: ForeignMetrics | undefined): ControlContext["metricsText"] {
  let page: Promise<MetricsPage> | undefined;
  return async () => {
    page ??= import("./metrics/page.ts").then(({ openMetricsPage }) =>
      openMetricsPage(() => node.metrics(), foreign?.registry),
    );
    const shown = await page;
    return { contentType: shown.contentType, text: await shown.text() };
  };
}

interface LabClock {
  readonly market: MarketClock;
  state(): MarketClockState;
  set(state: MarketClockState): void;
}

function marketClockFor({ lab }: Config): LabClock {
  const clock = systemClock();
  const nowMs = clock.nowMs();
  let state: MarketClockState = {
    marketMs: lab.marketStartMs ?? commonMarketMs(lab.clockSpeed, nowMs),
    atWallMs: nowMs,
    speed: lab.clockSpeed,
    paused: lab.paused,
  };
  const market = marketClock(clock, state);
  return {
    market,
    state: () => state,
    set(next) {
      state = next;
      market.set(next);
    },
  };
}
