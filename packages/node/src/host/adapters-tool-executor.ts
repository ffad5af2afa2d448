/** A skill called is a tool called: progress is WORKING, a question INPUT_REQUIRED, `isError` FAILED. */

import type { Part, TaskState, TaskStatus } from "@a2a-js/sdk";
import type { AgentExecutor, ExecutionEventBus, RequestContext } from "@a2a-js/sdk/server";
import { isProtocolError, type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";
import type { LocalAgent } from "../route/types.ts";
import { taskOf } from "./a2a-executor.ts";
import type { A2aRoom } from "./a2a-room.ts";
import type { A2aSdk } from "./a2a-sdk.ts";
import { askMcp } from "./adapters-ask.ts";
import { partsOfResult } from "./adapters-parts.ts";
import { asText, isObject } from "./loose-json.ts";

export interface ToolExecutorOptions {
  readonly agent: LocalAgent;
  readonly sdk: A2aSdk;
  readonly room: A2aRoom;
}

/** A call whose tool asked for something. */
interface Pending {
  readonly contextId: string;
  readonly params: JsonObject;
  readonly requestState: JsonValue | undefined;
}

interface Running {
  readonly contextId: string;
  readonly stop: AbortController;
}

export class ToolExecutor implements AgentExecutor {
  readonly #options: ToolExecutorOptions;
  readonly #running = new Map<string, Running>();
  readonly #pending = new Map<string, Pending>();

  constructor(options: ToolExecutorOptions) {
    this.#options = options;
  }

  async execute(request: RequestContext, bus: ExecutionEventBus): Promise<void> {
    const { taskId, contextId, context } = request;
    const { TaskState: states } = this.#options.sdk.types;
    const caller = context.state.get("caller") as Caller;
    const stop = new AbortController();
    this.#running.set(taskId, { contextId, stop });
    try {
      bus.publish({ kind: "task", data: taskOf(request, this.#status(states.TASK_STATE_SUBMITTED)) });
      const params = this.#paramsOf(request);
      this.#checkAllowed(caller, params["name"]);
      const onProgress = (progress: JsonObject) => {
        if (!stop.signal.aborted) this.#working(request, bus, progress);
      };
      const { agent } = this.#options;
      const { signal } = stop;
      const result = await askMcp(agent, { method: "tools/call", params, caller, signal, onProgress });
      this.#tell(request, bus, { params, result });
    } catch (error) {
      if (!stop.signal.aborted) this.#fail(request, bus, error);
    } finally {
      this.#running.delete(taskId);
    }
  }

  cancelTask = (taskId: string, bus: ExecutionEventBus): Promise<void> => {
    const running = this.#running.get(taskId);
    const known = running ?? this.#pending.get(taskId);
    this.#pending.delete(taskId);
    if (known === undefined) return Promise.resolve();
    running?.stop.abort(new ProtocolError("CALL_CANCELLED", "the task was cancelled"));
    const status = this.#status(this.#options.sdk.types.TaskState.TASK_STATE_CANCELED);
    bus.publish({
      kind: "statusUpdate",
      data: { taskId, contextId: known.contextId, status, metadata: undefined },
    });
    return Promise.resolve();
  };

  /** What goes on may have been forbidden since it began. @throws UNAUTHORIZED. */
  #checkAllowed(caller: Caller, name: JsonValue | undefined): void {
    const { allows } = this.#options.room;
    if (allows(caller, { method: "tools/call", item: asText(name) })) return;
    throw new ProtocolError("UNAUTHORIZED", `tool ${asText(name)} is not allowed`);
  }

  /** The tool's call: a new one, or one gone on with. */
  #paramsOf({ taskId, userMessage }: RequestContext): JsonObject {
    const data = dataOf(userMessage.parts);
    const pending = this.#pending.get(taskId);
    if (pending !== undefined) {
      this.#pending.delete(taskId);
      const { params, requestState } = pending;
      const responses = isObject(data["inputResponses"]) ? data["inputResponses"] : data;
      return {
        ...params,
        inputResponses: responses,
        ...(requestState === undefined ? {} : { requestState }),
      };
    }
    return { name: asText(userMessage.metadata?.["skillId"] as JsonValue | undefined), arguments: data };
  }

  #tell(
    request: RequestContext,
    bus: ExecutionEventBus,
    { params, result }: { readonly params: JsonObject; readonly result: JsonObject },
  ): void {
    const { TaskState: states } = this.#options.sdk.types;
    if (result["resultType"] === "input_required") return this.#ask(request, bus, { params, result });
    const parts = partsOfResult(result);
    if (result["isError"] === true)
      return this.#end(request, bus, { state: states.TASK_STATE_FAILED, parts });
    const { taskId, contextId } = request;
    const { _meta: meta } = result;
    const artifact = this.#options.sdk.types.TaskArtifactUpdateEvent.fromJSON({
      taskId,
      contextId,
      artifact: {
        artifactId: "result",
        name: params["name"],
        parts: parts.length === 0 ? [{ text: "" }] : parts,
        ...(isObject(meta) ? { metadata: meta } : {}),
      },
      append: false,
      lastChunk: true,
    });
    bus.publish({ kind: "artifactUpdate", data: artifact });
    this.#end(request, bus, { state: states.TASK_STATE_COMPLETED, parts: [] });
  }

  /** The state of the question stays here: a caller cannot change it. */
  #ask(
    request: RequestContext,
    bus: ExecutionEventBus,
    { params, result }: { readonly params: JsonObject; readonly result: JsonObject },
  ): void {
    const { taskId, contextId } = request;
    const { inputRequests, requestState } = result;
    const { inputResponses: _told, requestState: _before, ...call } = params;
    this.#pending.set(taskId, { contextId, params: call, requestState });
    const state = this.#options.sdk.types.TaskState.TASK_STATE_INPUT_REQUIRED;
    this.#end(request, bus, { state, parts: [{ data: { inputRequests: inputRequests ?? {} } }] });
  }

  #working(request: RequestContext, bus: ExecutionEventBus, progress: JsonObject): void {
    const { progressToken: _token, _meta, message, ...numbers } = progress;
    const text = typeof message === "string" ? message : JSON.stringify(numbers["progress"] ?? null);
    const state = this.#options.sdk.types.TaskState.TASK_STATE_WORKING;
    this.#end(request, bus, { state, parts: [{ text, metadata: numbers }] });
  }

  #fail(request: RequestContext, bus: ExecutionEventBus, error: unknown): void {
    const { TaskState: states } = this.#options.sdk.types;
    if (!isProtocolError(error)) throw error;
    const { foreign, code, message } = error;
    const data: JsonObject = {
      code: foreign?.code ?? error.number,
      reason: foreign === undefined ? code : "AGENT",
    };
    this.#end(request, bus, {
      state: states.TASK_STATE_FAILED,
      parts: [{ text: message }, { data }],
    });
  }

  #end(
    { taskId, contextId }: RequestContext,
    bus: ExecutionEventBus,
    { state, parts }: { readonly state: TaskState; readonly parts: readonly JsonObject[] },
  ): void {
    const { Message } = this.#options.sdk.types;
    const messageId = this.#options.room.newId();
    const said = { messageId, role: "ROLE_AGENT", taskId, contextId, parts };
    const message = parts.length === 0 ? undefined : Message.fromJSON(said);
    const status = { ...this.#status(state), message };
    bus.publish({ kind: "statusUpdate", data: { taskId, contextId, status, metadata: undefined } });
  }

  #status(state: TaskState): TaskStatus {
    const timestamp = new Date(this.#options.room.clock.nowMs()).toISOString();
    return { state, message: undefined, timestamp };
  }
}

/** The first data part is the arguments. */
function dataOf(parts: readonly Part[]): JsonObject {
  const data = parts.find(({ content }) => content?.$case === "data")?.content?.value as
    | JsonValue
    | undefined;
  return isObject(data) ? data : {};
}
