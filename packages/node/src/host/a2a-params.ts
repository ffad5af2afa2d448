/** What is checked of a message before A2A's SDK sees it. */

import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { CardSkill } from "./card.ts";
import { isObject } from "./loose-json.ts";

const SENDS: ReadonlySet<string> = new Set([
  "SendMessage",
  "SendStreamingMessage",
  "message/send",
  "message/stream",
]);
const STREAMS: ReadonlySet<string> = new Set([
  "SendStreamingMessage",
  "SubscribeToTask",
  "message/stream",
  "tasks/resubscribe",
]);

/** Methods that begin a task or go on with one. */
export function isSend(method: string): boolean {
  return SENDS.has(method);
}

/** Methods with many answers: they take a channel of mode `listen`. */
export function isA2aStream(method: string): boolean {
  return STREAMS.has(method);
}

const CALLS: ReadonlySet<string> = new Set([
  ...SENDS,
  ...STREAMS,
  "GetTask",
  "ListTasks",
  "CancelTask",
  "CreateTaskPushNotificationConfig",
  "GetTaskPushNotificationConfig",
  "ListTaskPushNotificationConfigs",
  "DeleteTaskPushNotificationConfig",
  "GetExtendedAgentCard",
  "GetAgentCard",
  "createTask",
  "getTask",
  "cancelTask",
]);
/** MCP has methods of these names too, whose task is `taskId`. */
const SHARED: ReadonlySet<string> = new Set(["tasks/get", "tasks/cancel"]);

/** Whether a plain call means an A2A method. */
export function isA2aCall(method: string, params: JsonValue): boolean {
  if (CALLS.has(method)) return true;
  return SHARED.has(method) && isObject(params) && typeof params["id"] === "string";
}

/** `tenant` says again whom the channel is open to. @throws INVALID_PARAMS when it names somebody else. */
export function withoutTenant(params: JsonValue | undefined, agent: string): JsonValue | undefined {
  if (!isObject(params)) return params;
  const { tenant, ...rest } = params;
  if (tenant === undefined || tenant === "" || tenant === agent) return rest;
  throw new ProtocolError("INVALID_PARAMS", `tenant is "${agent}" here`);
}

/**
 * A message that names its skill, where one has to be named: the only one there is goes without saying.
 * @throws INVALID_PARAMS: no message, no parts, an unknown skill (`data.skills` lists the known).
 */
export function withSkill(
  params: JsonValue | undefined,
  { skills, needed }: { readonly skills: readonly CardSkill[]; readonly needed: boolean },
): JsonValue | undefined {
  const message = messageIn(params);
  const skill = skillOf(message);
  const known = skills.map(({ id }) => id);
  // An agent that lists no skills knows them itself.
  if (!needed && (skill === undefined || known.length === 0)) return params;
  if (skill === undefined ? goesOn(message) : known.includes(skill)) return params;
  const [only] = known;
  if (skill === undefined && only !== undefined && known.length === 1) return naming(only, params, message);
  const what = skill === undefined ? "a message names a skill" : `no skill "${skill.slice(0, 64)}"`;
  throw new ProtocolError("INVALID_PARAMS", what, { data: { skills: known } });
}

function messageIn(params: JsonValue | undefined): JsonObject {
  const message = isObject(params) ? params["message"] : undefined;
  if (!isObject(message)) throw new ProtocolError("INVALID_PARAMS", "params have a message");
  const { parts } = message;
  if (Array.isArray(parts) && parts.length > 0) return message;
  throw new ProtocolError("INVALID_PARAMS", "a message has at least one part");
}

/** Tasks that a message refers to, as far as they are its caller's. */
export function withOwnReferences(
  params: JsonValue | undefined,
  owns: (taskId: string) => boolean,
): JsonValue | undefined {
  if (!isObject(params)) return params;
  const { message } = params;
  if (!isObject(message) || !Array.isArray(message["referenceTaskIds"])) return params;
  const known = message["referenceTaskIds"].filter((id) => typeof id === "string" && owns(id));
  return { ...params, message: { ...message, referenceTaskIds: known.slice(0, MOST_REFERENCES) } };
}

const MOST_REFERENCES = 64;

function naming(skillId: string, params: JsonValue | undefined, message: JsonObject): JsonObject {
  const metadata = isObject(message["metadata"]) ? message["metadata"] : {};
  return { ...(isObject(params) ? params : {}), message: { ...message, metadata: { ...metadata, skillId } } };
}

function goesOn({ taskId }: JsonObject): boolean {
  return typeof taskId === "string" && taskId !== "";
}

/** The skill a message means. @throws INVALID_PARAMS. */
function skillOf(message: JsonObject): string | undefined {
  const { metadata } = message;
  const skill = isObject(metadata) ? metadata["skillId"] : undefined;
  if (skill === undefined || typeof skill === "string") return skill;
  throw new ProtocolError("INVALID_PARAMS", "skillId is the name of a skill");
}
