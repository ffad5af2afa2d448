/** Agents of A2A's SDK for tests: one that streams chunks, waits, asks and fails, as its skills say. */

import { type Message, Message as MessageCodec, type Task, TaskState } from "@a2a-js/sdk";
import type { AgentExecutor, ExecutionEventBus, RequestContext } from "@a2a-js/sdk/server";
import type { Caller } from "../src/agent.ts";
import type { CardDraft } from "../src/host/card.ts";

export const sampleCard: CardDraft = {
  name: "Sample",
  description: "Counts, waits, asks and fails",
  version: "2.1.0",
  skills: [
    { id: "chunks", name: "Chunks", description: "Sends three pieces", tags: ["test"] },
    { id: "wait", name: "Wait", description: "Waits until it is cancelled", tags: ["test"] },
    { id: "ask", name: "Ask", description: "Asks for a name", tags: ["test"] },
    { id: "fail", name: "Fail", description: "Throws", tags: ["test"] },
    { id: "references", name: "References", description: "Names the tasks referred to", tags: ["test"] },
    { id: "whoami", name: "Who am I", description: "Names its caller", tags: ["test"] },
    { id: "get_soc_data", name: "State of charge", description: "In percent", tags: ["test"] },
  ],
};

/** Chunks wait for `go`, so that others can join the stream before it ends. */
export class SampleExecutor implements AgentExecutor {
  readonly #waiting = new Map<string, () => void>();
  readonly #gates: (() => void)[] = [];
  /** Resolves once a task of `gated` has begun. */
  begun: () => void = () => undefined;
  gated = false;

  go(): void {
    for (const open of this.#gates.splice(0)) open();
  }

  async execute(request: RequestContext, bus: ExecutionEventBus): Promise<void> {
    const { userMessage, task } = request;
    const skill = userMessage.metadata?.["skillId"] ?? (task === undefined ? "chunks" : "ask");
    if (skill === "fail") throw new Error("/home/somebody/secret is not there");
    if (skill === "references") {
      const references = (request.referenceTasks ?? []).map(({ id }) => id);
      return bus.publish({ kind: "message", data: say(request, { data: { references } }) });
    }
    if (skill === "whoami") return this.#whoami(request, bus);
    bus.publish({ kind: "task", data: begin(request) });
    if (skill === "wait") {
      await new Promise<void>((end) => this.#waiting.set(request.taskId, end));
      return update(request, bus, [TaskState.TASK_STATE_CANCELED]);
    }
    if (skill === "ask") return ask(request, bus);
    if (skill === "get_soc_data") return artifact(request, bus, { data: { percent: 64.5 } });
    await this.#chunks(request, bus);
  }

  cancelTask = (taskId: string): Promise<void> => {
    this.#waiting.get(taskId)?.();
    return Promise.resolve();
  };

  #whoami(request: RequestContext, bus: ExecutionEventBus): void {
    const caller = request.context.state.get("caller") as Caller;
    bus.publish({ kind: "message", data: say(request, { data: { ...caller } }) });
  }

  async #chunks(request: RequestContext, bus: ExecutionEventBus): Promise<void> {
    if (this.gated) {
      this.begun();
      await new Promise<void>((resolve) => this.#gates.push(resolve));
    }
    update(request, bus, [TaskState.TASK_STATE_WORKING]);
    for (const [at, text] of ["one ", "two ", "three"].entries()) chunk(request, bus, { text, at });
    update(request, bus, [TaskState.TASK_STATE_COMPLETED]);
  }
}

function begin({ taskId, contextId, userMessage, task }: RequestContext): Task {
  return {
    id: taskId,
    contextId,
    status: {
      state: TaskState.TASK_STATE_SUBMITTED,
      message: undefined,
      timestamp: new Date().toISOString(),
    },
    artifacts: task?.artifacts ?? [],
    history: [...(task?.history ?? []), userMessage],
    metadata: undefined,
  };
}

function update(
  request: RequestContext,
  bus: ExecutionEventBus,
  [state, message]: readonly [TaskState, Message?],
): void {
  const { taskId, contextId } = request;
  const status = { state, message, timestamp: new Date().toISOString() };
  bus.publish({ kind: "statusUpdate", data: { taskId, contextId, status, metadata: undefined } });
}

function say({ taskId, contextId }: RequestContext, part: object): Message {
  return MessageCodec.fromJSON({
    messageId: `${taskId}-said`,
    role: "ROLE_AGENT",
    taskId,
    contextId,
    parts: [part],
  });
}

/** A name is asked for until one comes. */
function ask(request: RequestContext, bus: ExecutionEventBus): void {
  const { userMessage, task } = request;
  const content = userMessage.parts[0]?.content;
  if (task !== undefined && content?.$case === "text") {
    return artifact(request, bus, { text: `Hello, ${content.value}!` });
  }
  update(request, bus, [TaskState.TASK_STATE_INPUT_REQUIRED, say(request, { text: "What is your name?" })]);
}

function artifact(request: RequestContext, bus: ExecutionEventBus, part: object): void {
  const { taskId, contextId } = request;
  const { parts } = MessageCodec.fromJSON({ parts: [part] });
  const made = {
    artifactId: "answer",
    name: "answer",
    description: "",
    parts,
    metadata: undefined,
    extensions: [],
  };
  bus.publish({
    kind: "artifactUpdate",
    data: { taskId, contextId, artifact: made, append: false, lastChunk: true, metadata: undefined },
  });
  update(request, bus, [TaskState.TASK_STATE_COMPLETED]);
}

function chunk(
  request: RequestContext,
  bus: ExecutionEventBus,
  { text, at }: { text: string; at: number },
): void {
  const { taskId, contextId } = request;
  const { parts } = MessageCodec.fromJSON({ parts: [{ text }] });
  const made = {
    artifactId: "text",
    name: "text",
    description: "",
    parts,
    metadata: undefined,
    extensions: [],
  };
  bus.publish({
    kind: "artifactUpdate",
    data: { taskId, contextId, artifact: made, append: at > 0, lastChunk: at === 2, metadata: undefined },
  });
}
