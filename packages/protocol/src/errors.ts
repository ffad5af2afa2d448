/** One class for every expected failure, one closed table, and the forms an error takes on its way out. */

import { type Blame, errorRows, type SuggestedAction } from "./error-table.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { limits } from "./limits.ts";

export type { Blame, SuggestedAction };
export type ErrorCode = keyof typeof errorRows;

export interface ErrorEntry {
  readonly code: ErrorCode;
  /** The JSON-RPC number: −32xxx where JSON-RPC has one, else −31 and three digits. */
  readonly number: number;
  readonly blame: Blame;
  /** The same request may succeed. */
  readonly retryable: boolean;
  /** The work may have happened: nothing repeats it unless the method is declared idempotent. */
  readonly executed: boolean;
  readonly verdict: "ignore" | "reject";
  readonly action: SuggestedAction;
  readonly meaning: string;
}

/** Every code an error of ours can have. */
export const errorTable: Readonly<Record<ErrorCode, ErrorEntry>> = buildTable();

const codesByNumber: ReadonlyMap<number, ErrorCode> = new Map(
  Object.values(errorTable).map((entry) => [entry.number, entry.code]),
);

/** An error of somebody else's numbering (MCP, A2A, a child agent), passed on untouched. */
export interface ForeignError {
  readonly code: number;
  readonly message: string;
  readonly data?: JsonValue | undefined;
}

export interface ProtocolErrorOptions {
  readonly cause?: unknown;
  /** Facts for whoever repairs it; `retry_after_ms` among them where it applies. */
  readonly data?: JsonObject | undefined;
  readonly foreign?: ForeignError | undefined;
}

/** An expected failure, named by a code of the closed table. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: ErrorCode;
  readonly number: number;
  readonly retryable: boolean;
  readonly data: JsonObject | undefined;
  readonly foreign: ForeignError | undefined;

  constructor(code: ErrorCode, message: string, options: ProtocolErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const entry = errorTable[code];
    this.code = code;
    this.number = entry.number;
    this.retryable = entry.retryable;
    this.data = options.data;
    this.foreign = options.foreign;
  }
}

/** The error object of a JSON-RPC response. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: JsonValue | undefined;
}

export function isProtocolError(error: unknown): error is ProtocolError {
  return error instanceof ProtocolError;
}

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === "string" && Object.hasOwn(errorRows, text);
}

/** Names a foreign throw at a seam; a broken invariant is always INTERNAL_ERROR, ours stays as it is. */
export function toProtocolError(error: unknown, fallbackCode: ErrorCode): ProtocolError {
  if (isProtocolError(error)) return error;
  const broken = error instanceof Error && "code" in error && error.code === "ERR_ASSERTION";
  const message = messageOf(error);
  return new ProtocolError(broken ? "INTERNAL_ERROR" : fallbackCode, message, { cause: error });
}

/** The text of whatever was thrown; anything may be, also what has none of its own. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return `a thrown ${typeof thrown} without a text`;
  }
}

const AT_HOME = "the node could not do it";

/**
 * What a peer may see: 317xx stays at home and becomes INTERNAL_ERROR, AGENT_UNAVAILABLE or AGENT_CRASHED, and the text
 * of a bug, which may name files, is not told either.
 */
export function forPeer(error: ProtocolError): ProtocolError {
  if (error.code === "INTERNAL_ERROR") return new ProtocolError("INTERNAL_ERROR", AT_HOME, { cause: error });
  if (error.number > -31_700 || error.number < -31_799) return error;
  if (error.code === "AGENT_START_FAILED") {
    return new ProtocolError("AGENT_UNAVAILABLE", "the agent could not start", { cause: error });
  }
  if (error.code === "UPSTREAM_FAILED") {
    return new ProtocolError("AGENT_CRASHED", "the agent failed during the call", { cause: error });
  }
  return new ProtocolError("INTERNAL_ERROR", AT_HOME, { cause: error });
}

/** One line of well-formed text within the bound; a stack has more. */
export function briefText(message: string): string {
  const line = message.split("\n", 1)[0] ?? "";
  return line.slice(0, limits.errorMessageChars).toWellFormed();
}

/** The JSON-RPC form; a foreign error keeps its number, text and data. */
export function toRpcError(error: unknown): RpcError {
  const known = toProtocolError(error, "INTERNAL_ERROR");
  if (known.foreign) return known.foreign;
  return {
    code: known.number,
    message: briefText(known.message),
    data: {
      ...known.data,
      code: known.code,
      retryable: known.retryable,
      suggested_action: errorTable[known.code].action,
    },
  };
}

/** Reads a JSON-RPC error; a number or code outside the table becomes HANDLER_FAILED with `foreign` set. */
export function fromRpcError(value: unknown): ProtocolError {
  const error = asRecord(value);
  const message = typeof error["message"] === "string" ? error["message"] : "";
  const data = asRecord(error["data"]);
  const number = error["code"];
  const code = typeof number === "number" ? codesByNumber.get(number) : undefined;
  if (code !== undefined && (data["code"] === undefined || data["code"] === code)) {
    const { code: _code, retryable: _retryable, suggested_action: _action, ...facts } = data;
    return new ProtocolError(code, message, Object.keys(facts).length > 0 ? { data: facts } : {});
  }
  const foreign: ForeignError = {
    code: typeof number === "number" ? number : errorTable.HANDLER_FAILED.number,
    message,
    ...(error["data"] === undefined ? {} : { data: error["data"] }),
  };
  return new ProtocolError("HANDLER_FAILED", message, { foreign });
}

/** What gossip does with a message that failed so: drop it, or drop it and penalise the relay. */
export function verdictOf(code: ErrorCode): "ignore" | "reject" {
  return errorTable[code].verdict;
}

const exitCodes: Partial<Record<ErrorCode, number>> = {
  CONFIG_INVALID: 2,
  ADDRESS_INVALID: 2,
  NOT_RUNNING: 3,
  NO_PROVIDER: 4,
  SPEND_LIMIT: 6,
};

/** The exit code of a program that ends on this error: 1 failed, 2 usage, 3 not running, 4 not found, 5 timeout, 6 refused. */
export function exitCodeOf(code: ErrorCode): number {
  const named = exitCodes[code];
  if (named !== undefined) return named;
  if (code.endsWith("_NOT_FOUND")) return 4;
  if (code.endsWith("_TIMEOUT")) return 5;
  return code.endsWith("UNAUTHORIZED") || code.endsWith("_REJECTED") ? 6 : 1;
}

function asRecord(value: unknown): { readonly [key: string]: JsonValue | undefined } & JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function buildTable(): Record<ErrorCode, ErrorEntry> {
  const entries = (Object.keys(errorRows) as ErrorCode[]).map((code): [ErrorCode, ErrorEntry] => {
    const [number, blame, retry, verdict, action, meaning, executed] = errorRows[code] as readonly [
      ...(typeof errorRows)[ErrorCode],
      "†"?,
    ];
    return [
      code,
      {
        code,
        number,
        blame,
        retryable: retry === "r",
        executed: executed === "†",
        verdict: verdict === "R" ? "reject" : "ignore",
        action,
        meaning,
      },
    ];
  });
  return Object.fromEntries(entries) as Record<ErrorCode, ErrorEntry>;
}
