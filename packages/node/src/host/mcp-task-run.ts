/** One call of a tool that goes on after its caller was answered: MCP's extension `io.modelcontextprotocol/tasks`. */

import {
  forPeer,
  type JsonObject,
  memberSpans,
  ProtocolError,
  toProtocolError,
  toRpcError,
} from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { AgentChannel } from "../route/channel.ts";
import { textAt, withMembers } from "./mcp-text.ts";

export type TaskStatus = "working" | "input_required" | "completed" | "failed" | "cancelled";

/** One answer of the agent, as it wrote it. */
export interface TaskAnswer {
  readonly result?: string | undefined;
  readonly error?: string | undefined;
}

export interface TaskRunOptions {
  readonly id: string;
  /** A channel of its own, which outlives the caller's. */
  readonly channel: AgentChannel;
  /** Params of the call, as the caller wrote them. */
  readonly params: string;
  readonly clock: Clock;
  /** Told what the agent says before the answer, as long as its caller waits. */
  readonly onNote: (line: string) => void;
}

/** A task lives this long after it began. */
export const TASK_LIFE_MS = 3_600_000;
const POLL_MS = 500;

export class TaskRun {
  readonly id: string;
  readonly #options: TaskRunOptions;
  readonly #createdMs: number;
  #updatedMs: number;
  #status: TaskStatus = "working";
  #outcome: TaskAnswer = {};
  /** Requests of the agent that wait for its caller, and what was answered so far. */
  #pending = new Map<string, string>();
  #given = new Map<string, string>();
  #requestState: string | undefined;
  #lastId = 0;
  #settle: ((answer: TaskAnswer) => void) | undefined;

  constructor(options: TaskRunOptions) {
    this.id = options.id;
    this.#options = options;
    this.#createdMs = options.clock.nowMs();
    this.#updatedMs = this.#createdMs;
    void this.#read();
  }

  get isOver(): boolean {
    return this.#status !== "working" && this.#status !== "input_required";
  }

  /** Of what was asked, and of what it came to. */
  get chars(): number {
    const { result = "", error = "" } = this.#outcome;
    return this.#options.params.length + result.length + error.length;
  }

  /** Has the agent do the call, from its beginning or with what was asked for meanwhile. */
  step(): Promise<TaskAnswer> {
    const { channel, params } = this.#options;
    const responses = withMembers("{}", Object.fromEntries(this.#given));
    const full = withMembers(params, {
      ...(this.#given.size === 0 ? {} : { inputResponses: responses }),
      ...(this.#requestState === undefined ? {} : { requestState: this.#requestState }),
    });
    const { promise, resolve } = Promise.withResolvers<TaskAnswer>();
    this.#settle = resolve;
    this.#lastId += 1;
    channel.send(`{"jsonrpc":"2.0","id":${this.#lastId},"method":"tools/call","params":${full}}`);
    return promise;
  }

  /** Takes an answer: the end, or what the agent needs first. */
  settle({ result, error }: TaskAnswer): void {
    if (this.isOver) return;
    const isInput = result !== undefined && isInputRequired(result);
    if (!isInput) return this.#become(error === undefined ? "completed" : "failed", { result, error });
    const requests = textAt(result, ["inputRequests"]) ?? "{}";
    const keys = [...memberSpans(requests).keys()];
    this.#requestState = textAt(result, ["requestState"]);
    this.#given = new Map();
    this.#pending = new Map(keys.map((key) => [key, textAt(requests, [key]) ?? "{}"]));
    this.#become("input_required");
    this.#goOnIfAnswered();
  }

  /** Takes answers of its caller, some or all; others than were asked for are left out. */
  answer(responses: string): void {
    for (const key of memberSpans(responses).keys()) {
      if (this.#pending.delete(key)) this.#given.set(key, textAt(responses, [key]) ?? "{}");
    }
    this.#updatedMs = this.#options.clock.nowMs();
    this.#goOnIfAnswered();
  }

  cancel(): void {
    if (this.isOver) return;
    this.#become("cancelled");
  }

  /** Task fields, and what its status has to tell. */
  describe(): string {
    const { result, error } = this.#outcome;
    const inputRequests = withMembers("{}", Object.fromEntries(this.#pending));
    return withMembers(JSON.stringify(this.fields("complete")), {
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error }),
      ...(this.#status === "input_required" ? { inputRequests } : {}),
    });
  }

  fields(resultType: "task" | "complete"): JsonObject {
    return {
      resultType,
      taskId: this.id,
      status: this.#status,
      createdAt: new Date(this.#createdMs).toISOString(),
      lastUpdatedAt: new Date(this.#updatedMs).toISOString(),
      ttlMs: TASK_LIFE_MS,
      pollIntervalMs: POLL_MS,
    };
  }

  /** Nothing more is wanted of the agent. */
  leave(): void {
    this.#options.channel.reset("the call is over");
  }

  #become(status: TaskStatus, outcome: TaskAnswer = {}): void {
    this.#status = status;
    this.#outcome = outcome;
    this.#updatedMs = this.#options.clock.nowMs();
    if (this.isOver) this.leave();
  }

  #goOnIfAnswered(): void {
    if (this.#status !== "input_required" || this.#pending.size > 0) return;
    this.#become("working");
    try {
      void this.step().then((answer) => this.settle(answer));
    } catch (error) {
      this.settle(ended(toProtocolError(error, "AGENT_CRASHED")));
    }
  }

  async #read(): Promise<void> {
    const { channel, onNote } = this.#options;
    try {
      for await (const line of channel.lines) {
        if (textAt(line, ["method"]) !== undefined) onNote(line);
        else if (textAt(line, ["id"]) === String(this.#lastId)) {
          this.#settle?.({ result: textAt(line, ["result"]), error: textAt(line, ["error"]) });
        }
      }
      this.#settle?.(ended(new ProtocolError("AGENT_CRASHED", "the agent ended")));
    } catch (error) {
      this.#settle?.(ended(toProtocolError(error, "AGENT_CRASHED")));
    }
  }
}

export function isInputRequired(result: string): boolean {
  return textAt(result, ["resultType"]) === '"input_required"';
}

function ended(error: ProtocolError): TaskAnswer {
  return { error: JSON.stringify(toRpcError(forPeer(error))) };
}
