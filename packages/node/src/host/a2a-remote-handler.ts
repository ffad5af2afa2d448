/** Requests of a face passed on to an A2A agent elsewhere; to it this node is one caller, so the node keeps whose task is whose. */

import type { Message, StreamResponse, Task } from "@a2a-js/sdk";
import type { Client } from "@a2a-js/sdk/client";
import type { A2ARequestHandler, ServerCallContext } from "@a2a-js/sdk/server";
import { isProtocolError, ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import { FAILURE } from "./a2a-face.ts";
import type { RemoteA2aCaller } from "./a2a-remote-client.ts";
import type { A2aSdk } from "./a2a-sdk.ts";

type Method<Name extends keyof A2ARequestHandler> = A2ARequestHandler[Name];
type Params<Name extends keyof A2ARequestHandler> = Parameters<Method<Name>>[0];

/** Pages of the agent's list that are read for one page of a caller's. */
const LIST_PAGES = 8;

export class RemoteHandler implements A2ARequestHandler {
  readonly #sdk: A2aSdk;
  readonly #remote: RemoteA2aCaller;
  /** Whose a task or a context is; the oldest are forgotten first. */
  readonly #owners = new Map<string, string>();

  constructor(sdk: A2aSdk, remote: RemoteA2aCaller) {
    this.#sdk = sdk;
    this.#remote = remote;
  }

  owns(owner: string, taskId: string): boolean {
    return this.#owners.get(taskId) === owner;
  }

  async getAgentCard(): ReturnType<Method<"getAgentCard">> {
    return (await this.#remote.reach()).card;
  }

  getAuthenticatedExtendedAgentCard(): ReturnType<Method<"getAuthenticatedExtendedAgentCard">> {
    return this.#unsupported("The extended card is not passed on.");
  }

  async sendMessage(params: Params<"sendMessage">, context: ServerCallContext): Promise<Message | Task> {
    this.#checkMessage(params.message, context);
    const result = await this.#asked(context, (client) => client.sendMessage(alone(params)));
    this.#own(result, context);
    return result;
  }

  async *sendMessageStream(
    params: Params<"sendMessageStream">,
    context: ServerCallContext,
  ): AsyncGenerator<StreamResponse, void, undefined> {
    this.#checkMessage(params.message, context);
    yield* this.#streamed(context, (client) => client.sendMessageStream(alone(params)));
  }

  async getTask(params: Params<"getTask">, context: ServerCallContext): Promise<Task> {
    this.#checkTask(params.id, context);
    return this.#asked(context, (client) => client.getTask(alone(params)));
  }

  async cancelTask(params: Params<"cancelTask">, context: ServerCallContext): Promise<Task> {
    this.#checkTask(params.id, context);
    return this.#asked(context, (client) => client.cancelTask(alone(params)));
  }

  async *resubscribe(
    params: Params<"resubscribe">,
    context: ServerCallContext,
  ): AsyncGenerator<StreamResponse, void, undefined> {
    this.#checkTask(params.id, context);
    yield* this.#streamed(context, (client) => client.resubscribeTask(alone(params)));
  }

  /** The agent lists all that this node asked for: of that, the caller's own. */
  async listTasks(params: Params<"listTasks">, context: ServerCallContext): ReturnType<Method<"listTasks">> {
    const { pageSize = 50 } = params;
    const tasks: Task[] = [];
    let { pageToken } = params;
    for (let page = 0; page < LIST_PAGES && tasks.length < pageSize; page += 1) {
      const wanted = { ...alone(params), pageSize: pageSize - tasks.length, pageToken };
      const listed = await this.#asked(context, (client) => client.listTasks(wanted));
      tasks.push(...listed.tasks.filter(({ id }) => this.#owners.get(id) === ownerOf(context)));
      pageToken = listed.nextPageToken;
      if (pageToken === "") break;
    }
    const owner = ownerOf(context);
    const totalSize = [...this.#owners].filter(
      ([key, of]) => of === owner && !key.startsWith(CONTEXT),
    ).length;
    return { tasks, nextPageToken: pageToken, pageSize, totalSize };
  }

  createTaskPushNotificationConfig(): ReturnType<Method<"createTaskPushNotificationConfig">> {
    return this.#noPush();
  }
  getTaskPushNotificationConfig(): ReturnType<Method<"getTaskPushNotificationConfig">> {
    return this.#noPush();
  }
  listTaskPushNotificationConfigs(): ReturnType<Method<"listTaskPushNotificationConfigs">> {
    return this.#noPush();
  }
  deleteTaskPushNotificationConfig(): ReturnType<Method<"deleteTaskPushNotificationConfig">> {
    return this.#noPush();
  }

  #noPush(): Promise<never> {
    return Promise.reject(new this.#sdk.errors.PushNotificationNotSupportedError());
  }

  #unsupported(why: string): Promise<never> {
    return Promise.reject(new this.#sdk.errors.UnsupportedOperationError(why));
  }

  #checkMessage(message: Message | undefined, context: ServerCallContext): void {
    if (message === undefined) return;
    const { taskId, contextId } = message;
    if (taskId !== "") this.#checkTask(taskId, context);
    const owner = this.#owners.get(CONTEXT + contextId);
    if (contextId === "" || owner === undefined || owner === ownerOf(context)) return;
    throw new this.#sdk.errors.RequestMalformedError("this context is not the caller's");
  }

  /** Another's task is no task. */
  #checkTask(id: string, context: ServerCallContext): void {
    if (this.#owners.get(id) === ownerOf(context)) return;
    throw new this.#sdk.errors.TaskNotFoundError(`Task not found: ${id}`);
  }

  #own(result: Message | Task, context: ServerCallContext): void {
    const id = "status" in result ? result.id : result.taskId;
    for (const key of [id, CONTEXT + result.contextId]) {
      if (key === "" || key === CONTEXT || this.#owners.has(key)) continue;
      this.#owners.set(key, ownerOf(context));
    }
    for (const key of this.#owners.keys()) {
      if (this.#owners.size <= 2 * nodeLimits.a2aTasks) return;
      this.#owners.delete(key);
    }
  }

  async *#streamed(
    context: ServerCallContext,
    begin: (client: Client) => AsyncGenerator<StreamResponse, void, undefined>,
  ): AsyncGenerator<StreamResponse, void, undefined> {
    const client = await this.#reach(context);
    try {
      for await (const event of begin(client)) {
        const { payload } = event;
        if (payload?.$case === "task" || payload?.$case === "message") this.#own(payload.value, context);
        yield event;
      }
    } catch (error) {
      throw this.#told(context, error);
    }
  }

  async #asked<Result>(
    context: ServerCallContext,
    ask: (client: Client) => Promise<Result>,
  ): Promise<Result> {
    const client = await this.#reach(context);
    try {
      return await ask(client);
    } catch (error) {
      throw this.#told(context, error);
    }
  }

  async #reach(context: ServerCallContext): Promise<Client> {
    try {
      return (await this.#remote.reach()).client;
    } catch (error) {
      throw this.#told(context, error);
    }
  }

  /** What callers hear: where it is and why it fails is the operator's affair. */
  #failureOf(error: unknown): ProtocolError {
    if (isProtocolError(error) && error.code === "AGENT_UNAVAILABLE") return error;
    this.#remote.failed(error);
    return isProtocolError(error) && error.code === "UPSTREAM_FORBIDDEN"
      ? new ProtocolError("AGENT_UNAVAILABLE", "the agent is out of reach", { cause: error })
      : new ProtocolError("AGENT_CRASHED", "the agent broke off", { cause: error });
  }

  /** A2A's own errors are the agent's answer; any other says that the way to it failed. */
  #told(context: ServerCallContext, error: unknown): unknown {
    const { A2AError } = this.#sdk.errors;
    const told = error instanceof Error && error.cause instanceof A2AError ? error.cause : error;
    if (told instanceof A2AError) return told;
    this.#remote.forget();
    const failure = this.#failureOf(error);
    context.state.set(FAILURE, failure);
    return failure;
  }
}

/** Before the ids of contexts, which are kept beside tasks. */
const CONTEXT = "context ";

function ownerOf(context: ServerCallContext): string {
  return context.user?.userName ?? "";
}

/** Tenants are the card's business: the agent elsewhere has its own. */
function alone<Request extends { tenant: string }>(params: Request): Request {
  return { ...params, tenant: "" };
}
