/** The answer to what could not be done. */

import * as z from "zod";
import { briefText, errorTable, forPeer, isErrorCode, ProtocolError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { limits } from "../limits.ts";
import { count, shortText, uuid } from "./fields.ts";
import type { FirstForm } from "./schema.ts";

const fields = {
  /** A code of the table; one that is not in it is text. */
  error_code: z.string().min(1).max(64),
  error_message: z.string().max(limits.errorMessageChars),
  /** null when the message could not be read. */
  original_message_id: uuid.nullable(),
  retry_possible: z.boolean(),
  suggested_action: shortText,
};

export const errorResponseSchema = z.strictObject({
  ...fields,
  error_number: z.int(),
  retry_after_ms: count.optional(),
  data: z.record(z.string().max(64), z.json()).optional(),
});

/** 1.0 has no numbers: the table gives the code's. */
export const firstErrorResponse: FirstForm = {
  body: z.strictObject(fields),
  read(body) {
    const code = body["error_code"];
    return { ...body, error_number: errorTable[isErrorCode(code) ? code : "HANDLER_FAILED"].number };
  },
};

export type ErrorResponse = Readonly<z.infer<typeof errorResponseSchema>>;

/** The body of an error_response; what is no peer's business has been replaced. */
export function errorResponseOf(error: ProtocolError, originalMessageId: string | null): ErrorResponse {
  const shown = forPeer(error);
  const { retry_after_ms: retryAfterMs, ...facts } = shown.data ?? {};
  return {
    error_code: shown.code,
    error_number: shown.number,
    error_message: briefText(shown.message),
    original_message_id: originalMessageId,
    retry_possible: shown.retryable,
    ...(typeof retryAfterMs === "number" ? { retry_after_ms: Math.max(0, Math.ceil(retryAfterMs)) } : {}),
    suggested_action: errorTable[shown.code].action,
    ...(Object.keys(facts).length > 0 ? { data: facts as Record<string, z.core.util.JSONType> } : {}),
  };
}

/** The error a peer reported; a code outside the table becomes HANDLER_FAILED with `foreign` set. */
export function fromErrorResponse(response: ErrorResponse): ProtocolError {
  const { error_code: code, error_message: message, retry_after_ms: retryAfterMs } = response;
  const data: JsonObject = {
    ...(response.data as JsonObject | undefined),
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
  };
  const options = Object.keys(data).length > 0 ? { data } : {};
  if (isErrorCode(code)) return new ProtocolError(code, message, options);
  const foreign = { code: response.error_number, message, data };
  return new ProtocolError("HANDLER_FAILED", `${code}: ${message}`, { ...options, foreign });
}
