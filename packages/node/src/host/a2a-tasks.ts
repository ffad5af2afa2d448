/** The tasks of one agent, each seen by its own caller alone; bounded, the oldest ended ones go first. */

import type { ListTasksRequest, ListTasksResponse, Task } from "@a2a-js/sdk";
import type { ServerCallContext, TaskStore } from "@a2a-js/sdk/server";
import { ProtocolError } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { A2aSdk } from "./a2a-sdk.ts";
import type { TaskHolder, TaskRoom } from "./a2a-task-room.ts";

const ENDED: ReadonlySet<unknown> = new Set([
  "TASK_STATE_COMPLETED",
  "TASK_STATE_FAILED",
  "TASK_STATE_CANCELED",
  "TASK_STATE_REJECTED",
]);

/** As a filter, "unspecified". */
const ANY_STATE = 0;

interface KeptTask {
  readonly owner: string;
  readonly id: string;
  /** JSON: what is kept is nobody's object any more, and its size is known. */
  readonly text: string;
  readonly contextId: string;
  readonly state: number | undefined;
  readonly ended: boolean;
  readonly context: ServerCallContext;
  /** Monotonic ms of its last change. */
  readonly keptMs: number;
  /** Wall ms of its status. */
  readonly atMs: number;
  /** Rises with every change. */
  readonly seq: number;
}

export interface TaskShelfOptions {
  readonly room: TaskRoom;
  readonly sdk: A2aSdk;
  readonly clock: Clock;
  /** Told of each open task that is given up. */
  readonly onGivenUp: (id: string, context: ServerCallContext) => void;
}

export class TaskShelf implements TaskStore, TaskHolder {
  readonly #options: TaskShelfOptions;
  /** Oldest change first. */
  readonly #tasks = new Map<string, KeptTask>();
  /** Tasks not ended, by owner. */
  readonly #open = new Map<string, OpenTasks>();
  #openTotal = 0;
  endedChars = 0;
  #seq = 0;

  constructor(options: TaskShelfOptions) {
    this.#options = options;
    options.room.join(this);
  }

  /** Whether a caller may begin one more. @throws QUOTA_EXCEEDED. */
  checkRoom(owner: string): void {
    if (this.#lacksRoom(owner) !== undefined) this.#giveUpOld();
    const why = this.#lacksRoom(owner);
    if (why !== undefined) throw new ProtocolError("QUOTA_EXCEEDED", `too many open tasks of this ${why}`);
  }

  #lacksRoom(owner: string): "caller" | "agent" | "node" | undefined {
    const { tasks, chars } = this.#open.get(owner) ?? NONE;
    if (tasks >= nodeLimits.a2aOpenTasksPerCaller || chars >= nodeLimits.a2aOpenCharsPerCaller)
      return "caller";
    if (this.#openTotal >= nodeLimits.a2aTasks) return "agent";
    return this.#options.room.isFull ? "node" : undefined;
  }

  /** Forgets all and leaves the room to others. */
  close(): void {
    for (const key of this.#tasks.keys()) this.#drop(key);
    this.#options.room.leave(this);
  }

  owns(owner: string, id: string): boolean {
    return this.#tasks.has(keyOf(owner, id));
  }

  load(id: string, context: ServerCallContext): Promise<Task | undefined> {
    const kept = this.#tasks.get(keyOf(ownerOf(context), id));
    return Promise.resolve(kept === undefined ? undefined : this.#read(kept));
  }

  save(task: Task, context: ServerCallContext): Promise<void> {
    const { sdk, clock } = this.#options;
    const { Task: codec } = sdk.types;
    const owner = ownerOf(context);
    const json = codec.toJSON(task) as { readonly status?: { readonly state?: unknown } };
    const text = JSON.stringify(json);
    const atMs = Date.parse(task.status?.timestamp ?? "");
    this.#seq += 1;
    this.#drop(keyOf(owner, task.id));
    this.#keep({
      owner,
      id: task.id,
      text,
      contextId: task.contextId,
      state: task.status?.state,
      ended: ENDED.has(json.status?.state),
      atMs: Number.isNaN(atMs) ? 0 : atMs,
      seq: this.#seq,
      context,
      keptMs: clock.monotonicMs(),
    });
    this.#makeRoom();
    return Promise.resolve();
  }

  list(params: ListTasksRequest, context: ServerCallContext): Promise<ListTasksResponse> {
    const { pageToken, pageSize = 50, includeArtifacts = false } = params;
    const owner = ownerOf(context);
    const wanted = [...this.#tasks.values()].filter((kept) => kept.owner === owner && matches(kept, params));
    const before = pageToken === "" ? Infinity : this.#readToken(pageToken);
    const page = wanted
      .reverse()
      .filter(({ seq }) => seq < before)
      .slice(0, pageSize + 1);
    const shown = page.slice(0, pageSize);
    const tasks = shown.map((kept) => this.#read(kept));
    if (!includeArtifacts) for (const task of tasks) task.artifacts = [];
    const last = shown.at(-1);
    return Promise.resolve({
      tasks,
      nextPageToken: page.length > pageSize && last !== undefined ? String(last.seq) : "",
      pageSize,
      totalSize: wanted.length,
    });
  }

  #read({ text }: KeptTask): Task {
    return this.#options.sdk.types.Task.fromJSON(JSON.parse(text));
  }

  #readToken(token: string): number {
    if (/^[1-9]\d{0,15}$/.test(token)) return Number(token);
    throw new this.#options.sdk.errors.RequestMalformedError("no such page");
  }

  dropOldestEnded(): boolean {
    for (const [key, kept] of this.#tasks) {
      if (!kept.ended || kept.seq === this.#seq) continue;
      this.#drop(key);
      return true;
    }
    return false;
  }

  #keep(kept: KeptTask): void {
    this.#tasks.set(keyOf(kept.owner, kept.id), kept);
    this.#count(kept, 1);
  }

  #drop(key: string): void {
    const kept = this.#tasks.get(key);
    if (kept === undefined) return;
    this.#tasks.delete(key);
    this.#count(kept, -1);
  }

  #count({ owner, ended, text }: KeptTask, sign: 1 | -1): void {
    const chars = sign * text.length;
    this.#options.room.count(chars, !ended);
    if (ended) {
      this.endedChars += chars;
      return;
    }
    const open = this.#open.get(owner) ?? NONE;
    const now = { tasks: open.tasks + sign, chars: open.chars + chars };
    this.#openTotal += sign;
    if (now.tasks === 0) this.#open.delete(owner);
    else this.#open.set(owner, now);
  }

  /** Those that wait for an answer nobody gives, or for an agent that says nothing more. */
  #giveUpOld(): void {
    const { clock, onGivenUp } = this.#options;
    const before = clock.monotonicMs() - nodeLimits.a2aTaskIdleMs;
    for (const [key, kept] of this.#tasks) {
      // The rest changed later.
      if (kept.keptMs > before) return;
      if (kept.ended) continue;
      this.#drop(key);
      onGivenUp(kept.id, kept.context);
    }
  }

  /** An open task is not forgotten for others; they are bounded where they begin. */
  #makeRoom(): void {
    if (this.#tasks.size > nodeLimits.a2aTasks) this.dropOldestEnded();
    this.#options.room.makeRoom();
  }
}

interface OpenTasks {
  readonly tasks: number;
  readonly chars: number;
}

const NONE: OpenTasks = { tasks: 0, chars: 0 };

/** Whose tasks: the caller's name, as the face made it. */
function ownerOf(context: ServerCallContext): string {
  return context.user?.userName ?? "";
}

function keyOf(owner: string, id: string): string {
  return JSON.stringify([owner, id]);
}

function matches(kept: KeptTask, { contextId, status, statusTimestampAfter }: ListTasksRequest): boolean {
  if (contextId !== "" && kept.contextId !== contextId) return false;
  const wanted: number = status;
  if (wanted !== ANY_STATE && kept.state !== wanted) return false;
  return statusTimestampAfter === undefined || kept.atMs > Date.parse(statusTimestampAfter);
}
