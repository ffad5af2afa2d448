/** Bodies and lines of MCP: one JSON-RPC message each, kept as text so that foreign digits survive. */

import {
  type ErrorCode,
  fromRpcError,
  isProtocolError,
  type JsonObject,
  type JsonValue,
  limits,
  parseTolerant,
  ProtocolError,
  type RpcError,
  type RpcId,
} from "@gridmesh/protocol";
import { Refusal } from "./guard.ts";

export type McpMessage =
  | {
      readonly kind: "request";
      readonly id: RpcId;
      readonly method: string;
      readonly params: JsonObject;
      readonly line: string;
    }
  | {
      readonly kind: "notification";
      readonly method: string;
      readonly params: JsonObject;
      readonly line: string;
    }
  | {
      readonly kind: "answer";
      readonly id: RpcId;
      readonly error: RpcError | undefined;
      readonly line: string;
    };

export type McpRequest = McpMessage & { readonly kind: "request" };

const MAX_ID_CHARS = 256;
const shape = { maxDepth: limits.rpcJsonDepth, maxMembers: limits.rpcJsonMembersPerObject };

/** A refusal with a number of MCP's own. */
export function mcpRefusal(status: number, error: RpcError): Refusal {
  return new Refusal(
    status,
    new ProtocolError("INVALID_REQUEST", error.message, {
      foreign: {
        code: error.code,
        message: error.message,
        ...(error.data === undefined ? {} : { data: error.data }),
      },
    }),
  );
}

/** A failed request that was readable enough to have an id. */
export class RequestRefusal extends Error {
  override readonly name = "RequestRefusal";
  readonly refusal: Refusal;
  readonly id: RpcId;

  constructor(refusal: Refusal, id: RpcId) {
    super(refusal.message);
    this.refusal = refusal;
    this.id = id;
  }
}

/** The one message of a body. @throws Refusal 400 with −32700 or −32600, RequestRefusal with the id where it has one. */
export function readMessage(body: Uint8Array): McpMessage {
  // Whitespace between tokens alone holds line ends: inside a string they are escaped.
  return messageIn(
    parsed(body),
    Buffer.from(body)
      .toString("utf8")
      .replaceAll(/[\r\n]+/g, " "),
  );
}

/** The one message of a line, as strictly as a body's. @throws as `readMessage`. */
export function readBodyLine(line: string): McpMessage {
  return messageIn(parsed(Buffer.from(line)), line);
}

/** A line of an agent's; undefined for what is none. */
export function readLine(line: string): McpMessage | undefined {
  try {
    return messageIn(JSON.parse(line) as JsonValue, line);
  } catch {
    return undefined;
  }
}

function messageIn(value: JsonValue, line: string): McpMessage {
  if (!isObject(value))
    throw new Refusal(400, new ProtocolError("INVALID_REQUEST", "one JSON-RPC message, no batch"));
  const { id, method, params = {} } = value;
  const known = isId(id) ? id : undefined;
  const refuse = (why: string) => {
    const refusal = new Refusal(400, new ProtocolError("INVALID_REQUEST", why));
    return known === undefined ? refusal : new RequestRefusal(refusal, known);
  };
  if (value["jsonrpc"] !== "2.0") throw refuse('jsonrpc is "2.0"');
  if (Object.hasOwn(value, "id") && known === undefined) throw refuse("the id is a text or a whole number");
  if (!Object.hasOwn(value, "method")) return answerIn(value, known, { line, refuse });
  if (typeof method !== "string" || method === "") throw refuse("the method is a text");
  if (!isObject(params)) throw refuse("params are an object");
  return known === undefined
    ? { kind: "notification", method, params, line }
    : { kind: "request", id: known, method, params, line };
}

function answerIn(
  value: JsonObject,
  id: RpcId | undefined,
  { line, refuse }: { readonly line: string; readonly refuse: (why: string) => Error },
): McpMessage {
  const { error } = value;
  const failed = isObject(error) && typeof error["code"] === "number" && typeof error["message"] === "string";
  if (id === undefined || Object.hasOwn(value, "result") === failed)
    throw refuse("neither a call nor an answer");
  return { kind: "answer", id, error: failed ? (error as unknown as RpcError) : undefined, line };
}

function parsed(body: Uint8Array): JsonValue {
  try {
    return parseTolerant(body, shape);
  } catch (error) {
    if (isProtocolError(error)) throw new Refusal(400, error);
    throw error;
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isId(id: JsonValue | undefined): id is RpcId {
  return typeof id === "string"
    ? id.length <= MAX_ID_CHARS
    : typeof id === "number" && Number.isSafeInteger(id);
}

const statuses: ReadonlyMap<number, number> = new Map([
  [-32_700, 400],
  [-32_600, 400],
  [-32_020, 400],
  [-32_021, 400],
  [-32_022, 400],
  [-32_601, 404],
]);

/** The HTTP status of an agent's error: MCP's own as it says, the mesh's as the network failed, any other 200. */
export function statusOfAnswer(error: RpcError): number {
  return statuses.get(error.code) ?? statusOfMesh(error);
}

/** The same where a session's answers are answers, whatever their number. */
export function statusOfMesh(error: RpcError): number {
  const { code, foreign } = fromRpcError(error);
  return (foreign === undefined ? meshStatuses[code] : undefined) ?? 200;
}

const meshStatuses: Partial<Record<ErrorCode, number>> = {
  UNAUTHORIZED: 403,
  CONTROL_UNAUTHORIZED: 401,
  AGENT_NOT_FOUND: 404,
  ADDRESS_INVALID: 404,
  FRAME_TOO_LARGE: 413,
  RATE_LIMITED: 503,
  TOO_MANY_STREAMS: 503,
  QUEUE_FULL: 503,
  QUOTA_EXCEEDED: 503,
  OVERLOADED: 503,
  DRAINING: 503,
  AGENT_UNAVAILABLE: 503,
  AGENT_START_FAILED: 503,
  PEER_UNREACHABLE: 502,
  PEER_NOT_FOUND: 502,
  PEER_BANNED: 502,
  STREAM_RESET: 502,
  AGENT_CRASHED: 502,
  UPSTREAM_FAILED: 502,
  NO_PROVIDER: 502,
  CALL_TIMEOUT: 504,
};

const RETRY_AFTER_S = 1;

/** A failure of the way there, as HTTP tells it: never so that it passes for an agent of an older revision. */
export function refusalOf(error: ProtocolError): Refusal {
  const status = meshStatuses[error.code] ?? 502;
  const waitMs = error.data?.["retry_after_ms"];
  const seconds = typeof waitMs === "number" ? Math.max(1, Math.ceil(waitMs / 1_000)) : RETRY_AFTER_S;
  return new Refusal(status, error, status === 503 ? { "retry-after": String(seconds) } : {});
}
