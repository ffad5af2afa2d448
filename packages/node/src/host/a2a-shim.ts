/** The short calls `createTask`, `getTask` and `cancelTask` in A2A's own words, and their answers back. */

import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import { asList, asObject, isObject, textsIn } from "./loose-json.ts";

/** A call in A2A 1.0, and how its answer is told to who called shortly. */
export interface ShortCall {
  readonly method: "SendMessage" | "GetTask" | "CancelTask";
  readonly params: JsonObject;
}

/** Undefined for every other method. @throws INVALID_PARAMS. */
export function readShortCall(
  method: string,
  params: JsonValue | undefined,
  newId: () => string,
): ShortCall | undefined {
  if (method === "createTask") return { method: "SendMessage", params: sendParams(params, newId()) };
  if (method === "getTask") return { method: "GetTask", params: { id: taskId(params) } };
  if (method === "cancelTask") return { method: "CancelTask", params: { id: taskId(params) } };
  return undefined;
}

/** `{id, status, result}` of what SendMessage, GetTask or CancelTask answered. */
export function shortAnswer(result: JsonValue): JsonObject {
  const { task, message, ...bare } = asObject(result);
  if (message !== undefined) {
    const { messageId, parts } = asObject(message);
    return { id: messageId ?? null, status: "completed", result: firstOf(parts) };
  }
  const { id, status, artifacts } = asObject(task ?? bare);
  const { state, message: said } = asObject(status);
  return {
    id: id ?? null,
    status: stateWord(state),
    result: firstOf([...partsOf(artifacts), ...asList(asObject(said)["parts"])]),
  };
}

function sendParams(params: JsonValue | undefined, messageId: string): JsonObject {
  const message = asObject(params)["message"];
  if (!isObject(message)) throw new ProtocolError("INVALID_PARAMS", "createTask takes a message");
  const { skillId, parameters = {} } = message;
  if (skillId !== undefined && typeof skillId !== "string") {
    throw new ProtocolError("INVALID_PARAMS", "skillId is the name of a skill");
  }
  return {
    message: {
      messageId,
      role: "ROLE_USER",
      parts: [{ data: parameters }],
      ...(skillId === undefined ? {} : { metadata: { skillId } }),
    },
    configuration: { returnImmediately: false },
  };
}

function taskId(params: JsonValue | undefined): string {
  const { id } = asObject(params);
  if (typeof id !== "string" || id === "") throw new ProtocolError("INVALID_PARAMS", "id names a task");
  return id;
}

/** `TASK_STATE_INPUT_REQUIRED` → `input-required`. */
function stateWord(state: JsonValue | undefined): string {
  if (typeof state !== "string") return "unknown";
  return state.replace("TASK_STATE_", "").toLowerCase().replaceAll("_", "-");
}

/** The first data part; else the texts, joined; else null. */
function firstOf(parts: JsonValue | undefined): JsonValue {
  const all = asList(parts).map((part) => asObject(part));
  const data = all.find((part) => Object.hasOwn(part, "data"));
  if (data !== undefined) return data["data"] ?? null;
  const texts = textsIn(parts);
  return texts.length === 0 ? null : texts.join("\n");
}

function partsOf(artifacts: JsonValue | undefined): readonly JsonValue[] {
  return asList(artifacts).flatMap((artifact) => asList(asObject(artifact)["parts"]));
}
