/** The skills of an A2A agent as the tools of an MCP server: a tool called is a message sent. */

import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { Caller, McpFactory } from "../agent.ts";
import { type A2aFace, isOne } from "./a2a-face.ts";
import { answerOf, toolResult } from "./adapters-task-result.ts";
import { SKILL_EXTENSION } from "./card.ts";
import { asObject, asText, isObject, textsIn } from "./loose-json.ts";

const HEADERS = { "a2a-version": "1.0" };
const INVALID_PARAMS = -32_602;
const TASK_NOT_FOUND = -32_001;

/** What an A2A agent without a schema takes: words, data, or both. */
const OPEN_SCHEMA = {
  type: "object",
  properties: { text: { type: "string", description: "What to say to the agent" } },
  additionalProperties: true,
} as const;

/** A factory of servers whose tools are the skills behind a face. */
export function skillTools(openFace: () => Promise<A2aFace>, newId: () => string): McpFactory {
  return async ({ caller }) => {
    const [face, { ProtocolError: McpError, Server }] = await Promise.all([
      openFace(),
      import("@modelcontextprotocol/server"),
    ]);
    const { name, version, description } = await face.card(caller);
    const server = new Server(
      { name: asText(name), version: asText(version) },
      { capabilities: { tools: {} }, instructions: asText(description) },
    );
    server.setRequestHandler("tools/list", async () => ({
      tools: toolsOf(await face.card(caller)) as never,
    }));
    server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
      const { signal, inputResponses = {}, _meta: meta } = mcpReq;
      const state = mcpReq.requestState();
      const token = meta?.progressToken;
      const call = new SkillCall({ face, caller, signal, newId });
      const onProgress = (progress: number, text: string) => {
        if (token === undefined) return;
        const message = text === "" ? {} : { message: text };
        void mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken: token, progress, ...message },
        });
      };
      const message =
        state === undefined
          ? messageOf(params.name, (params.arguments ?? {}) as JsonObject)
          : answerOf(state as JsonValue, inputResponses);
      const { result, error } = await call.run(message, onProgress);
      if (error === undefined) return result as never;
      if (error.code === INVALID_PARAMS || (state !== undefined && error.code === TASK_NOT_FOUND)) {
        throw new McpError(INVALID_PARAMS, error.message, error.data);
      }
      return { content: [{ type: "text", text: error.message }], isError: true };
    });
    return server;
  };
}

type Outcome =
  | { readonly result: JsonObject; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: { code: number; message: string; data?: JsonValue } };

interface SkillCallOptions {
  readonly face: A2aFace;
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly newId: () => string;
}

class SkillCall {
  readonly #options: SkillCallOptions;
  #taskId: string | undefined;
  #steps = 0;

  constructor(options: SkillCallOptions) {
    this.#options = options;
  }

  async run(message: JsonObject, onProgress: (step: number, text: string) => void): Promise<Outcome> {
    const { signal, newId } = this.#options;
    const whole = { messageId: newId(), role: "ROLE_USER", ...message };
    const leave = () => void this.#cancel();
    signal.addEventListener("abort", leave, { once: true });
    try {
      const streaming = await this.#streams();
      const method = streaming ? "SendStreamingMessage" : "SendMessage";
      const answer = await this.#ask(method, { message: whole });
      if (isOne(answer)) return outcome(answer);
      const last = await this.#follow(answer, onProgress);
      if (last["error"] !== undefined || this.#taskId === undefined) return outcome(last);
      const task = await this.#ask("GetTask", { id: this.#taskId });
      return isOne(task) ? outcome(task) : outcome(last);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  async #streams(): Promise<boolean> {
    const { capabilities } = await this.#options.face.card(this.#options.caller);
    return isObject(capabilities) && capabilities["streaming"] === true;
  }

  /** The last answer; progress is told of each update before it. */
  async #follow(
    answers: AsyncIterable<JsonObject>,
    onProgress: (step: number, text: string) => void,
  ): Promise<JsonObject> {
    let last: JsonObject = {};
    for await (const answer of answers) {
      last = answer;
      const { task, statusUpdate } = asObject(answer["result"]);
      if (isObject(task) && typeof task["id"] === "string") this.#begun(task["id"]);
      const status = asObject(asObject(statusUpdate)["status"]);
      if (status["state"] !== "TASK_STATE_WORKING") continue;
      this.#steps += 1;
      onProgress(this.#steps, textsIn(asObject(status["message"])["parts"]).join("\n"));
    }
    return last;
  }

  #begun(taskId: string): void {
    this.#taskId = taskId;
    if (this.#options.signal.aborted) void this.#cancel();
  }

  async #cancel(): Promise<void> {
    if (this.#taskId !== undefined) await this.#ask("CancelTask", { id: this.#taskId });
  }

  #ask(method: string, params: JsonObject): ReturnType<A2aFace["answer"]> {
    const { face, caller } = this.#options;
    return face.answer({ id: 1, method, params }, { caller, headers: HEADERS });
  }
}

function outcome({ result, error }: JsonObject): Outcome {
  if (isObject(error)) return { error: error as { code: number; message: string } };
  if (isObject(result)) return { result: toolResult(result) };
  throw new ProtocolError("HANDLER_FAILED", "the agent gave no answer");
}

/** Arguments are a data part; what is said in words is a text part too. */
function messageOf(skillId: string, given: JsonObject): JsonObject {
  const { text } = given;
  const words = typeof text === "string" ? [{ text }] : [];
  return { parts: [...words, { data: given }], metadata: { skillId } };
}

function toolsOf({ skills, capabilities }: JsonObject): readonly JsonObject[] {
  const extensions = asObject(capabilities)["extensions"];
  const own = (Array.isArray(extensions) ? extensions : [])
    .map((one) => asObject(one))
    .find(({ uri }) => uri === SKILL_EXTENSION);
  const schemas = asObject(asObject(own?.["params"])["inputSchemas"]);
  return (Array.isArray(skills) ? skills : []).map((skill) => {
    const { id, name, description } = asObject(skill);
    const schema = schemas[asText(id)];
    return {
      name: asText(id),
      title: asText(name),
      description: asText(description),
      inputSchema: isObject(schema) ? { type: "object", ...schema } : OPEN_SCHEMA,
    };
  });
}
