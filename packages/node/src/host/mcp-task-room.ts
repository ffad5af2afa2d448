/** The MCP tasks of one agent, each its caller's own: bounded, and whoever keeps most that is over gives way first. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import { TASK_LIFE_MS, type TaskRun } from "./mcp-task-run.ts";

/** Tasks that are kept, and those not over: of one caller, and of a node with all its users. */
const MOST_TASKS = 1_024;
const MOST_OPEN = 32;
const MOST_OPEN_OF_NODE = 256;

interface KeptTask {
  readonly run: TaskRun;
  readonly owner: string;
  /** The calling node; undefined for callers of this one. */
  readonly peerId: string | undefined;
  readonly end: Disposable;
}

export class McpTaskRoom {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #tasks = new Map<string, KeptTask>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes room for one more. @throws QUOTA_EXCEEDED. */
  makeRoom(caller: Caller): void {
    const open = [...this.#tasks.values()].filter(({ run }) => !run.isOver);
    const peerId = peerOf(caller);
    const ofCaller = open.filter((task) => task.owner === ownerOf(caller)).length;
    const ofPeer = peerId === undefined ? 0 : open.filter((task) => task.peerId === peerId).length;
    if (ofCaller >= MOST_OPEN || ofPeer >= MOST_OPEN_OF_NODE) throw full();
    while (this.#tasks.size >= MOST_TASKS) if (!this.#dropOne(() => 1)) throw full();
    while (this.#chars() > nodeLimits.a2aTaskChars) if (!this.#dropOne(({ chars }) => chars)) return;
  }

  add(run: TaskRun, caller: Caller): void {
    const end = this.#clock.timer(TASK_LIFE_MS, () => this.#drop(run.id));
    this.#tasks.set(run.id, { run, owner: ownerOf(caller), peerId: peerOf(caller), end });
  }

  find(id: string, caller: Caller): TaskRun | undefined {
    const task = this.#tasks.get(id);
    return task?.owner === ownerOf(caller) ? task.run : undefined;
  }

  close(): void {
    for (const id of this.#tasks.keys()) this.#drop(id);
  }

  #chars(): number {
    let chars = 0;
    for (const { run } of this.#tasks.values()) chars += run.chars;
    return chars;
  }

  /** The oldest that is over, of the caller whose such tasks weigh most; false where there is none. */
  #dropOne(weigh: (run: TaskRun) => number): boolean {
    const over = [...this.#tasks.values()].filter(({ run }) => run.isOver);
    const weights = new Map<string, number>();
    for (const { owner, run } of over) weights.set(owner, (weights.get(owner) ?? 0) + weigh(run));
    const [heaviest] = [...weights].toSorted(([, a], [, b]) => b - a);
    const oldest = over.find(({ owner }) => owner === heaviest?.[0]);
    if (oldest !== undefined) this.#drop(oldest.run.id);
    return oldest !== undefined;
  }

  #drop(id: string): void {
    const task = this.#tasks.get(id);
    if (task === undefined) return;
    this.#tasks.delete(id);
    task.end[Symbol.dispose]();
    task.run.cancel();
  }
}

function full(): ProtocolError {
  return new ProtocolError("QUOTA_EXCEEDED", "too many tasks");
}

function peerOf({ kind, peerId }: Caller): string | undefined {
  return kind === "peer" ? peerId : undefined;
}

function ownerOf({ peerId, user, agentId, token, anonymous }: Caller): string {
  return JSON.stringify([peerId, user, agentId, token, anonymous]);
}
