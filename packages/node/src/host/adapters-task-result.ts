/** What came of an A2A task or message, as the result of an MCP tool. */

import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import { resultOfParts } from "./adapters-parts.ts";
import { asList, asObject, asText, isObject, textsIn } from "./loose-json.ts";

/** Key of the one question that an agent which waits for input asks. */
const QUESTION = "answer";
const INTERRUPTED: ReadonlySet<unknown> = new Set(["TASK_STATE_INPUT_REQUIRED", "TASK_STATE_AUTH_REQUIRED"]);

/** The result of SendMessage, or a task. */
export function toolResult(result: JsonObject): JsonObject {
  const { message, task = result } = result;
  if (isObject(message)) return withContent(partsIn(message));
  const { id, status, artifacts } = asObject(task);
  const { state, message: said } = asObject(status);
  if (INTERRUPTED.has(state)) return question(id, partsIn(asObject(said)));
  if (state !== "TASK_STATE_COMPLETED") {
    const words = partsIn(asObject(said));
    const parts = words.length > 0 ? words : [{ text: `the task is ${asText(state)}` }];
    return { ...withContent(parts), isError: true };
  }
  const made = asList(artifacts).map((artifact) => asObject(artifact));
  const parts = made.flatMap((artifact) => partsIn(artifact));
  const [first] = made;
  const meta = made.length === 1 && isObject(first?.["metadata"]) ? { _meta: first["metadata"] } : {};
  return { ...withContent(parts.length > 0 ? parts : partsIn(asObject(said))), ...meta };
}

/** The task that a question's state names, and what was answered. */
export function answerOf(
  state: JsonValue | undefined,
  responses: Readonly<Record<string, unknown>>,
): { readonly taskId: string; readonly parts: readonly JsonObject[] } {
  const { action, content } = asObject(responses[QUESTION] as JsonValue | undefined);
  const given = asObject(content);
  const { text, ...rest } = given;
  const said = action === undefined || action === "accept" ? [] : [{ text: asText(action) }];
  const parts = [
    ...(typeof text === "string" ? [{ text }] : said),
    ...(Object.keys(rest).length > 0 ? [{ data: rest }] : []),
  ];
  return { taskId: typeof state === "string" ? state : "", parts: parts.length > 0 ? parts : [{ text: "" }] };
}

/** The task is the caller's own: its id is all the state there is, and in another's hands it names nothing. */
function question(id: JsonValue | undefined, parts: readonly JsonObject[]): JsonObject {
  const texts = textsIn(parts);
  const request = {
    method: "elicitation/create",
    params: {
      mode: "form",
      message: texts.length > 0 ? texts.join("\n") : "The agent needs more to go on",
      requestedSchema: {
        type: "object",
        properties: { text: { type: "string", title: "Answer" } },
        required: ["text"],
      },
    },
  };
  return { resultType: "input_required", inputRequests: { [QUESTION]: request }, requestState: id ?? "" };
}

function withContent(parts: readonly JsonObject[]): JsonObject {
  return resultOfParts(parts);
}

function partsIn(holder: JsonObject): readonly JsonObject[] {
  return asList(holder["parts"]).map((part) => asObject(part));
}
