/** Field shapes of tasks. */

import * as z from "zod";
import type { ErrorCode } from "../../errors.ts";
import { once } from "../../once.ts";
import { priorities } from "../../priority.ts";
import { contentFields, dataReferenceSchema, location, sealedValueSchema } from "../data.ts";
import { agentId, count, shortText, unixS, uuid } from "../fields.ts";

export const taskId = uuid;
export const operationName = once(() => z.string().regex(/^[a-z][a-z0-9_.-]{0,63}$/));
/** Counts assignments of a task: its fencing number. */
export const epoch = once(() => count.min(1));
/** Counts an executor's events of one task and epoch. */
export const seq = once(() => count.min(1));
export const percentage = once(() => z.number().min(0).max(100));
export const priority = once(() => z.enum(priorities));
export const attempt = once(() => count.min(1).max(1_000));
/** 32 bytes, hex. */
export const digestHex = once(() => z.string().regex(/^[0-9a-f]{64}$/));
const jsonRecord = once(() => z.record(z.string().max(128), z.json()));

/** The right to a task, for a time. */
export const leaseSchema = once(() =>
  z.strictObject({ epoch: epoch(), ttl_ms: count.min(5_000).max(300_000) }),
);

export const price = once(() =>
  z.strictObject({
    /** Millionths of the currency. */
    amount_micro: count,
    currency: z.string().regex(/^[A-Z]{3}$/),
  }),
);

export const resourceRequirements = once(() =>
  z.strictObject({
    /** Fractions are allowed. */
    cpu_cores: z.number().positive(),
    memory_mb: count,
    /** Seconds. */
    execution_time_estimate: z.number().min(0).optional(),
    gpu: z.boolean().optional(),
    disk_mb: count.optional(),
  }),
);

export const allocatedResources = once(() => resourceRequirements().omit({ execution_time_estimate: true }));

/** What is to be done; `input_data` and `parameters` may be sealed for the executor. */
export const taskDefinitionSchema = once(() =>
  z.strictObject({
    operation: operationName(),
    /** Of the operation; absent: whichever is offered. */
    version: shortText.optional(),
    priority: priority().optional(),
    /** Unix seconds. */
    deadline: unixS.optional(),
    resource_requirements: resourceRequirements().optional(),
    input_data: z.union([dataReferenceSchema(), sealedValueSchema()]).optional(),
    parameters: jsonRecord().optional(),
  }),
);

const resultFields = once(() => ({
  type: shortText,
  ...contentFields(),
  output_location: location(),
  chunks_count: count.optional(),
  metadata: jsonRecord().optional(),
}));

export const resultDataSchema = once(() => z.union([z.strictObject(resultFields()), sealedValueSchema()]));
/** 1.0 does not say how large it is. */
export const firstResultDataSchema = once(() =>
  z.strictObject({ ...resultFields(), size_bytes: count.optional() }),
);

/** How a result is checked. */
export const verificationSchema = once(() =>
  z.strictObject({
    mode: z.enum(["none", "checksum", "schema", "redundant"]),
    replicas: count.min(1).max(16).optional(),
    quorum: count.min(1).max(16).optional(),
    /** `exact`, the name of a custom one, or a tolerance. */
    comparator: z
      .union([shortText, z.strictObject({ numeric: z.strictObject({ rel_tol: z.number().min(0) }) })])
      .optional(),
    commit_reveal: z.boolean().optional(),
  }),
);

export const timeoutsSchema = once(() =>
  z.strictObject({ queue_s: count, execution_s: count, total_s: count }),
);

/** Free figures of what was used. */
export const usage = once(() => z.record(z.string().max(64), z.number()));

export const taskErrorSchema = once(() =>
  z.strictObject({
    /** A code of the table; one that is not in it is text. */
    code: z.string().min(1).max(64),
    message: z.string().max(500),
    retryable: z.boolean(),
    suggested_action: shortText.optional(),
  }),
);

/** Refusals of a task_response, and the code each becomes; others are TASK_REJECTED. */
export const rejectionCodes: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ["insufficient_resources", "INSUFFICIENT_RESOURCES"],
  ["unsupported_operation", "UNSUPPORTED_OPERATION"],
  ["deadline_unreachable", "DEADLINE_EXCEEDED"],
  ["rate_limited", "RATE_LIMITED"],
  ["unauthorized", "UNAUTHORIZED"],
  ["draining", "DRAINING"],
  ["queue_full", "QUEUE_FULL"],
  ["duplicate", "TASK_ID_CONFLICT"],
  ["invalid_input", "INVALID_PARAMS"],
  ["policy", "TASK_REJECTED"],
]);
export const rejectionReason = once(() => z.string().regex(/^[a-z_]{1,64}$/));
export const alternativeAgents = once(() => z.array(agentId).max(8));

/** States of a task, as either side tells them. */
export const taskState = once(() =>
  z.enum([
    "queued",
    "offered",
    "assigned",
    "received",
    "accepted",
    "rejected",
    "running",
    "input_required",
    "verifying",
    "cancelling",
    "done",
    "completed",
    "failed",
    "cancelled",
    "expired",
  ]),
);
