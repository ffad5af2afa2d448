/** An executor whose failures become tasks that failed, without its own text: that may name files or secrets. */

import type { Message, Task, TaskState } from "@a2a-js/sdk";
import type {
  AgentExecutionEvent,
  AgentExecutor,
  ExecutionEventBus,
  RequestContext,
} from "@a2a-js/sdk/server";
import { messageOf } from "@gridmesh/protocol";
import type { A2aRoom } from "./a2a-room.ts";
import type { A2aSdk } from "./a2a-sdk.ts";

export function guardedExecutor(inner: AgentExecutor, sdk: A2aSdk, room: A2aRoom): AgentExecutor {
  const { TaskState: states } = sdk.types;
  return {
    async execute(request, bus) {
      const seen = watchTask(bus);
      try {
        await inner.execute(request, bus);
      } catch (error) {
        const { log, name } = room;
        log.warn("agent.task", `agent ${name} failed in a task: ${messageOf(error)}`, { agent: name });
        publishEnd(request, bus, {
          tell: tellers(sdk, room),
          state: states.TASK_STATE_FAILED,
          seen: seen.done(),
        });
      } finally {
        seen.done();
      }
    },
    cancelTask: (taskId, bus) => inner.cancelTask(taskId, bus),
  };
}

/** Makes what an agent says in a task. */
interface Tellers {
  readonly message: (request: RequestContext, text: string) => Message;
  readonly atIso: () => string;
}

function tellers(sdk: A2aSdk, { newId, clock }: A2aRoom): Tellers {
  return {
    atIso: () => new Date(clock.nowMs()).toISOString(),
    message: ({ taskId, contextId }, text) =>
      sdk.types.Message.fromJSON({
        messageId: newId(),
        role: "ROLE_AGENT",
        taskId,
        contextId,
        parts: [{ text }],
      }),
  };
}

interface End {
  readonly tell: Tellers;
  readonly state: TaskState;
  readonly seen: boolean;
}

/** A stream begins with its task and ends with an update. */
function publishEnd(request: RequestContext, bus: ExecutionEventBus, { tell, state, seen }: End): void {
  const { taskId, contextId } = request;
  const status = { state, message: tell.message(request, "the agent failed"), timestamp: tell.atIso() };
  if (!seen) bus.publish({ kind: "task", data: taskOf(request, status) });
  bus.publish({ kind: "statusUpdate", data: { taskId, contextId, status, metadata: undefined } });
}

/** The task of a request, begun or gone on with. */
export function taskOf(request: RequestContext, status: NonNullable<Task["status"]>): Task {
  const { taskId, contextId, task, userMessage } = request;
  const history = task?.history ?? [];
  const heard = history.some(({ messageId }) => messageId === userMessage.messageId);
  return {
    id: taskId,
    contextId,
    status,
    artifacts: task?.artifacts ?? [],
    history: heard ? history : [...history, userMessage],
    metadata: task?.metadata,
  };
}

/** Whether a task was published since; `done` ends the watch. */
function watchTask(bus: ExecutionEventBus): { done: () => boolean } {
  let seen = false;
  const note = ({ kind }: AgentExecutionEvent) => {
    seen ||= kind === "task";
  };
  bus.on("event", note);
  return {
    done: () => {
      bus.off("event", note);
      return seen;
    },
  };
}
