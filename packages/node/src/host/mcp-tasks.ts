/** Tools whose calls may go on as tasks, for callers that know the extension. */

import { type JsonValue, type RpcError, toRpcError } from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";
import type { Clock } from "../clock.ts";
import type { AgentChannel, ChannelContext, ChannelOpening } from "../route/channel.ts";
import { channelPair } from "../route/channel-pair.ts";
import { decodeMessage, type RpcMessage } from "../route/rpc-lines.ts";
import { McpTaskRoom } from "./mcp-task-room.ts";
import { isInputRequired, type TaskAnswer, TaskRun } from "./mcp-task-run.ts";
import { tell } from "./mcp-tell.ts";
import { textAt, withMembers } from "./mcp-text.ts";
import { isObject, MCP_ERROR, META, objectIn } from "./mcp-words.ts";

type TaskSupport = "optional" | "required";

export interface TaskDeskOptions {
  /** Tools by name; `required`: a caller without the extension is refused. */
  readonly tools: Readonly<Record<string, TaskSupport>>;
  readonly open: (opening: ChannelOpening, context: ChannelContext) => Promise<AgentChannel>;
  readonly clock: Clock;
  readonly newId: () => string;
}

type Id = string | number;
type Request = RpcMessage & { readonly kind: "request" };

const EXTENSION = "io.modelcontextprotocol/tasks";
/** A call that is answered within this time is no task. */
const GRACE_MS = 250;

/** The tasks of one agent, each its caller's own. */
export class TaskDesk {
  readonly options: TaskDeskOptions;
  readonly #room: McpTaskRoom;

  constructor(options: TaskDeskOptions) {
    this.options = options;
    this.#room = new McpTaskRoom(options.clock);
  }

  /** The agent's channel of the modern revision, with tasks. */
  wrap(channel: AgentChannel, caller: Caller): AgentChannel {
    const { era, versions } = channel;
    const [near, far] = channelPair({ era, versions });
    void new TaskLane(this, { agent: channel, caller: far }, caller).serve();
    return near;
  }

  /** @throws QUOTA_EXCEEDED. */
  checkRoom(caller: Caller): void {
    this.#room.makeRoom(caller);
  }

  add(run: TaskRun, caller: Caller): void {
    this.#room.add(run, caller);
  }

  /** Another's task is as one that never was. */
  find(id: JsonValue | undefined, caller: Caller): TaskRun | undefined {
    return typeof id === "string" ? this.#room.find(id, caller) : undefined;
  }

  close(): void {
    this.#room.close();
  }
}

interface Ends {
  readonly agent: AgentChannel;
  readonly caller: AgentChannel;
}

/** One caller's channel: what is about tasks is answered here, the rest passes. */
class TaskLane {
  readonly #desk: TaskDesk;
  readonly #ends: Ends;
  readonly #caller: Caller;
  readonly #discovers = new Set<Id>();
  /** Calls whose caller still waits for the first answer. */
  readonly #begun = new Map<Id, AbortController>();
  #callerDone = false;

  constructor(desk: TaskDesk, ends: Ends, caller: Caller) {
    this.#desk = desk;
    this.#ends = ends;
    this.#caller = caller;
  }

  async serve(): Promise<void> {
    const { agent, caller } = this.#ends;
    try {
      await Promise.all([this.#hearCaller(), this.#hearAgent()]);
      caller.end();
    } catch {
      agent.reset("the other side broke off");
      caller.reset("the other side broke off");
      for (const gone of this.#begun.values()) gone.abort();
    }
  }

  async #hearCaller(): Promise<void> {
    const { agent, caller } = this.#ends;
    for await (const line of caller.lines) {
      this.#take(line, decodeMessage(line));
      await agent.calm();
    }
    this.#callerDone = true;
    this.#endIfDone();
  }

  async #hearAgent(): Promise<void> {
    const { agent, caller } = this.#ends;
    for await (const line of agent.lines) {
      this.#tell(this.#discovers.size > 0 ? this.#advertised(line) : line);
      await caller.calm();
    }
    if (!this.#callerDone) caller.end();
  }

  #take(line: string, message: RpcMessage): void {
    if (message.kind === "request" && this.#isTaken(line, message)) return;
    if (message.kind === "notification" && message.method === "notifications/cancelled") {
      const id = isObject(message.params) ? message.params["requestId"] : undefined;
      const gone = this.#begun.get(id as Id);
      if (gone !== undefined) return gone.abort();
    }
    this.#ends.agent.send(line);
  }

  #isTaken(line: string, { id, method, params }: Request): boolean {
    if (method === "server/discover") this.#discovers.add(id);
    const knows = isObject(extensionsOf(params)[EXTENSION]);
    const run = HANDLERS.get(method);
    if (run !== undefined) {
      if (!knows) this.#fail(id, missing());
      else this.#ofTask(id, params, (task) => run(task, line));
      return true;
    }
    const support = method === "tools/call" ? this.#supportOf(params) : undefined;
    if (support === undefined || (!knows && support === "optional")) return false;
    if (!knows) this.#fail(id, missing());
    else void this.#call(id, textAt(line, ["params"]) ?? "{}");
    return true;
  }

  #supportOf(params: JsonValue): TaskSupport | undefined {
    const { tools } = this.#desk.options;
    const name = isObject(params) ? params["name"] : undefined;
    return typeof name === "string" && Object.hasOwn(tools, name) ? tools[name] : undefined;
  }

  #ofTask(id: Id, params: JsonValue, answer: (task: TaskRun) => string): void {
    const taskId = isObject(params) ? params["taskId"] : undefined;
    const task = this.#desk.find(taskId, this.#caller);
    if (task === undefined) return this.#fail(id, { code: -32_602, message: "no such task" });
    this.#answer(id, { result: answer(task) });
  }

  /** Answered in time it is a call like others; else its caller gets a task. */
  async #call(id: Id, params: string): Promise<void> {
    const { open, clock, newId } = this.#desk.options;
    const gone = new AbortController();
    this.#begun.set(id, gone);
    let run: TaskRun | undefined;
    try {
      this.#desk.checkRoom(this.#caller);
      // Of the task, which outlives this channel.
      const signal = new AbortController().signal;
      const channel = await open({ proto: "mcp", mode: "call" }, { caller: this.#caller, signal });
      const onNote = (line: string) => void (this.#begun.has(id) && this.#tell(line));
      run = new TaskRun({ id: newId(), channel, params, clock, onNote });
      const first = run.step();
      const answer = await Promise.race([first, this.#grace(gone.signal)]);
      if (gone.signal.aborted) return run.cancel();
      if (answer !== undefined) return this.#immediate(id, answer, run);
      this.#desk.add(run, this.#caller);
      this.#answer(id, { result: JSON.stringify(run.fields("task")) });
      const task = run;
      void first.then((late) => task.settle(late));
    } catch (error) {
      run?.cancel();
      this.#fail(id, toRpcError(error));
    } finally {
      this.#begun.delete(id);
      this.#endIfDone();
    }
  }

  async #grace(signal: AbortSignal): Promise<undefined> {
    await this.#desk.options.clock.sleep(GRACE_MS, signal).catch(() => undefined);
    return undefined;
  }

  #immediate(id: Id, answer: TaskAnswer, run: TaskRun): void {
    const { result } = answer;
    this.#answer(id, answer);
    // What it needs first comes with the caller's next request.
    if (result === undefined || isInputRequired(result)) run.cancel();
    else run.settle(answer);
  }

  #advertised(line: string): string {
    const message = decodeMessage(line);
    if (message.kind !== "result" || !this.#discovers.delete(message.id)) return line;
    const result = textAt(line, ["result"]) ?? "{}";
    const capabilities = textAt(result, ["capabilities"]) ?? "{}";
    const extensions = withMembers(textAt(capabilities, ["extensions"]) ?? "{}", { [EXTENSION]: "{}" });
    const more = withMembers(result, { capabilities: withMembers(capabilities, { extensions }) });
    return withMembers(line, { result: more });
  }

  #answer(id: Id, { result, error }: TaskAnswer): void {
    const body = error === undefined ? `"result":${result ?? "{}"}` : `"error":${error}`;
    this.#tell(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},${body}}`);
  }

  #fail(id: Id, error: RpcError): void {
    this.#answer(id, { error: JSON.stringify(error) });
  }

  #tell(line: string): void {
    tell(this.#ends.caller, line);
  }

  #endIfDone(): void {
    if (this.#callerDone && this.#begun.size === 0) this.#ends.agent.end();
  }
}

const ACKNOWLEDGED = '{"resultType":"complete"}';

/** What can be asked about a task. */
const HANDLERS: ReadonlyMap<string, (task: TaskRun, line: string) => string> = new Map([
  ["tasks/get", (task: TaskRun) => task.describe()],
  [
    "tasks/update",
    (task: TaskRun, line: string) => {
      task.answer(textAt(line, ["params", "inputResponses"]) ?? "{}");
      return ACKNOWLEDGED;
    },
  ],
  [
    "tasks/cancel",
    (task: TaskRun) => {
      task.cancel();
      return ACKNOWLEDGED;
    },
  ],
]);

function extensionsOf(params: JsonValue): Readonly<Record<string, JsonValue>> {
  return objectIn(objectIn(objectIn(params, "_meta"), META.capabilities), "extensions");
}

function missing(): RpcError {
  return {
    code: MCP_ERROR.capabilityMissing,
    message: "the caller does not declare tasks",
    data: { requiredCapabilities: { extensions: { [EXTENSION]: {} } } },
  };
}
