/** The short calls `createTask`, `getTask` and `cancelTask` in A2A's own words, and their answers back. */

import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";

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
  const { task, message, ...bare } = object(result);
  if (message !== undefined) {
    const { messageId, parts } = object(message);
    return { id: messageId ?? null, status: "completed", result: firstOf(parts) };
  }
  const { id, status, artifacts } = object(task ?? bare);
  const { state, message: said } = object(status);
  return {
    id: id ?? null,
    status: stateWord(state),
    result: firstOf([...partsOf(artifacts), ...list(object(said)["parts"])]),
  };
}

function sendParams(params: JsonValue | undefined, messageId: string): JsonObject {
  const message = object(params)["message"];
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
  const { id } = object(params);
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
  const all = list(parts).map((part) => object(part));
  const data = all.find((part) => Object.hasOwn(part, "data"));
  if (data !== undefined) return data["data"] ?? null;
  const texts = all.map((part) => part["text"]).filter((text) => typeof text === "string");
  return texts.length === 0 ? null : texts.join("\n");
}

function partsOf(artifacts: JsonValue | undefined): readonly JsonValue[] {
  return list(artifacts).flatMap((artifact) => list(object(artifact)["parts"]));
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function object(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
