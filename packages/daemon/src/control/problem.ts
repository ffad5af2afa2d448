/** Errors as problem documents (RFC 9457), and the status each code travels under. */

import { type ErrorCode, isProtocolError, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { z } from "zod";

export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly code: ErrorCode;
  readonly number: number;
  readonly detail: string;
  readonly data?: JsonValue;
}

const statuses: Partial<Record<ErrorCode, number>> = {
  UNAUTHORIZED: 403,
  CONTROL_UNAUTHORIZED: 401,
  ADDRESS_INVALID: 404,
  FRAME_TOO_LARGE: 413,
  RATE_LIMITED: 503,
  TOO_MANY_STREAMS: 503,
  QUEUE_FULL: 503,
  OVERLOADED: 503,
  DRAINING: 503,
  AGENT_UNAVAILABLE: 503,
  STREAM_RESET: 502,
  AGENT_CRASHED: 502,
  NO_PROVIDER: 502,
  CALL_TIMEOUT: 504,
  INVALID_PARAMS: 400,
  INVALID_REQUEST: 400,
  PARSE_ERROR: 400,
  AGENT_NAME_TAKEN: 409,
  AGENT_START_FAILED: 422,
  ORDER_CONFLICT: 409,
};

/** The HTTP status of a code. */
function statusOf(code: ErrorCode): number {
  const named = statuses[code];
  if (named !== undefined) return named;
  if (code.startsWith("PEER_")) return 502;
  return code.endsWith("_NOT_FOUND") ? 404 : 500;
}

export function problemOf(error: unknown): Problem {
  const known = protocolErrorOf(error);
  return {
    status: statusOf(known.code),
    title: known.code,
    code: known.code,
    number: known.number,
    detail: known.message,
    ...(known.data === undefined ? {} : { data: known.data }),
  };
}

function protocolErrorOf(error: unknown): ProtocolError {
  if (isProtocolError(error)) return error;
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (statusCode === 404) return new ProtocolError("METHOD_NOT_FOUND", message ?? "no such endpoint");
  if (statusCode === 413) return new ProtocolError("FRAME_TOO_LARGE", message ?? "the body is too large");
  if (statusCode !== undefined && statusCode < 500)
    return new ProtocolError("INVALID_REQUEST", message ?? "");
  return new ProtocolError("INTERNAL_ERROR", message ?? String(error), { cause: error });
}

/** The value in the schema's shape. @throws INVALID_PARAMS naming the member. */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ProtocolError("INVALID_PARAMS", `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`);
}
