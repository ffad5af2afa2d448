/** All daemons of a run: made, started in order, asked as one, ended. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIdentity } from "@gridmesh/node";
import { ProtocolError } from "@gridmesh/protocol";
import type { ControlClient } from "../client.ts";
import type { ClockView } from "../control/types.ts";
import { childFlags } from "./child-flags.ts";
import { Child, pause } from "./child.ts";
import { configText } from "./config-text.ts";
import type { PlannedAgent, PlannedDaemon, PlannedRole, TestnetPlan } from "./plan.ts";

const START_DEADLINE_MS = 20_000;
/** Dial storms fail; starts a little apart do not. */
const STAGGER_MS = 150;

export interface FleetAgent extends PlannedAgent {
  readonly role: PlannedRole;
  readonly child: Child;
}

export class Fleet {
  readonly runDir: string;
  readonly network: string;
  readonly children: readonly Child[];
  readonly agents: readonly FleetAgent[];
  readonly #plan: TestnetPlan;
  readonly #fixedPorts: boolean;
  #closed = false;
  #clock: ClockView | undefined;
  #untilMs: number | undefined;

  /** Makes the run folder (0700), and a home with a key for every daemon. */
  static async make(
    plan: TestnetPlan,
    daemons: readonly PlannedDaemon[],
    options: { readonly network: string; readonly fixedPorts: boolean },
  ): Promise<Fleet> {
    const fleet = new Fleet(plan, daemons, options);
    for (const child of fleet.children) {
      mkdirSync(child.home, { mode: 0o700 });
      await createIdentity(child.home);
    }
    return fleet;
  }

  private constructor(
    plan: TestnetPlan,
    daemons: readonly PlannedDaemon[],
    options: { readonly network: string; readonly fixedPorts: boolean },
  ) {
    this.#plan = plan;
    this.#fixedPorts = options.fixedPorts;
    this.network = options.network;
    this.runDir = mkdtempSync(join(shortTmp(), "gridmesh-testnet-"));
    const logs = join(this.runDir, "logs");
    mkdirSync(logs, { mode: 0o700 });
    const flags = childFlags(daemons.length);
    this.children = daemons.map((daemon) => {
      const home = join(this.runDir, daemon.name);
      return new Child(withFolders(daemon, this.runDir), { home, logs, flags });
    });
    this.agents = this.children.flatMap((child) =>
      child.planned.agents.map((agent) => ({ ...agent, child })),
    );
  }

  get bootstrap(): Child {
    const [first] = this.children;
    if (first === undefined) throw new ProtocolError("INTERNAL_ERROR", "a testnet without daemons");
    return first;
  }

  /** Everybody who trades: those whose ledgers are audited. */
  get traders(): readonly Child[] {
    const names = new Set(this.agents.filter(trades).map((agent) => agent.child));
    return this.children.filter((child) => names.has(child));
  }

  get tradingAgents(): readonly FleetAgent[] {
    return this.agents.filter(trades);
  }

  agentsOf(role: PlannedRole): readonly FleetAgent[] {
    return this.agents.filter((agent) => agent.role === role);
  }

  async startBootstrap(): Promise<void> {
    this.#start(this.bootstrap, []);
    await this.bootstrap.untilRunning(START_DEADLINE_MS);
  }

  async startOthers(): Promise<void> {
    const { addresses } = await this.bootstrap.control.node();
    const running: Promise<PromiseSettledResult<void>[]>[] = [];
    for (const child of this.children.slice(1)) {
      await pause(STAGGER_MS);
      this.#start(child, addresses);
      // Settled from the start: one may fail while others are still to be started.
      running.push(Promise.allSettled([child.untilRunning(START_DEADLINE_MS)]));
    }
    const failed = (await Promise.all(running)).flat().find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  #start(child: Child, bootstrap: readonly string[]): void {
    if (this.#closed) throw new ProtocolError("DRAINING", "the testnet is ending");
    const net = { network: this.network, bootstrap, fixedPorts: this.#fixedPorts };
    writeFileSync(join(child.home, "config.toml"), configText(child.planned, this.#plan, net), {
      mode: 0o600,
    });
    child.start();
  }

  /** The same market time for all, and the end of trading if there is one. */
  async setClock(clock: ClockView): Promise<void> {
    this.#clock = clock;
    await Promise.all(this.children.map((child) => child.control.setClock(clock)));
  }

  /** No slot begins at or after this market time. */
  async endTradingAt(untilMs: number): Promise<void> {
    this.#untilMs = untilMs;
    await Promise.all(this.agents.map((agent) => endAt(agent, untilMs)));
  }

  /** SIGKILL, start again with the same home, and tell it what the others know. */
  async killAndRestart(child: Child): Promise<void> {
    await child.kill();
    if (this.#closed) return;
    child.restarts += 1;
    child.start();
    await child.untilRunning(START_DEADLINE_MS);
    const untilMs = this.#untilMs;
    if (untilMs !== undefined) {
      const own = this.agents.filter((agent) => agent.child === child);
      await Promise.all(own.map((agent) => endAt(agent, untilMs)));
    }
    if (this.#clock !== undefined) await child.control.setClock(this.#clock);
  }

  /** Asks each child of the list; one that cannot answer is left out. */
  async ask<T>(
    children: readonly Child[],
    question: (control: ControlClient) => Promise<T>,
  ): Promise<ReadonlyMap<Child, T>> {
    const answers = await Promise.all(
      children.map(async (child): Promise<[Child, T] | undefined> => {
        try {
          return [child, await question(child.control)];
        } catch {
          return undefined;
        }
      }),
    );
    return new Map(answers.filter((answer) => answer !== undefined));
  }

  /** Starts nothing more. */
  close(): void {
    this.#closed = true;
  }

  killAllNow(): void {
    for (const child of this.children) child.killNow();
  }

  removeRunDir(): void {
    rmSync(this.runDir, { recursive: true, force: true });
  }
}

function trades(agent: FleetAgent): boolean {
  return agent.role === "household" || agent.role === "utility";
}

async function endAt(agent: FleetAgent, untilMs: number): Promise<void> {
  await agent.child.control.call(`local:${agent.name}/lab/until`, { untilMs });
}

/** Agents that keep files get a folder in their own home. */
function withFolders(daemon: PlannedDaemon, runDir: string): PlannedDaemon {
  const folders: Partial<Record<PlannedRole, string>> = { utility: "collections", reporter: "reports" };
  const agents = daemon.agents.map((agent) => {
    const folder = folders[agent.role];
    if (folder === undefined) return agent;
    return { ...agent, options: { ...agent.options, dir: join(runDir, daemon.name, folder) } };
  });
  return { ...daemon, agents };
}

/** A unix socket's path holds 107 bytes: a deep temporary folder would not leave room for it. */
function shortTmp(): string {
  const tmp = tmpdir();
  return Buffer.byteLength(tmp) > 40 ? "/tmp" : tmp;
}
