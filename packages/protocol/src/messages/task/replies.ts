/** What an executor says of its tasks. */

import * as z from "zod";
import { canonicalBytes } from "../../canonical.ts";
import { limits } from "../../limits.ts";
import { location } from "../data.ts";
import { base64, count, sha256Text, shortText, unixS } from "../fields.ts";
import { once } from "../../once.ts";
import {
  allocatedResources,
  alternativeAgents,
  attempt,
  digestHex,
  epoch,
  firstResultDataSchema,
  leaseSchema,
  percentage,
  price,
  rejectionReason,
  resultDataSchema,
  seq,
  taskErrorSchema,
  taskId,
  taskState,
  usage,
} from "./fields.ts";

const responseFields = once(() => ({
  task_id: taskId,
  status: z.enum(["accepted", "rejected"]),
  /** Unix seconds. */
  estimated_completion: unixS.optional(),
  allocated_resources: allocatedResources().optional(),
  reason: rejectionReason().optional(),
  /** Hints: dialled as strangers. */
  alternative_agents: alternativeAgents().optional(),
}));

interface ResponseBody {
  readonly status: "accepted" | "rejected";
  readonly estimated_completion?: number | undefined;
  readonly allocated_resources?: unknown;
  readonly reason?: string | undefined;
  readonly alternative_agents?: unknown;
}

/** Accepted says when and with what, rejected says why; neither says the other's. */
function isOneAnswer(body: ResponseBody): boolean {
  const yes = body.estimated_completion !== undefined && body.allocated_resources !== undefined;
  const no = body.reason !== undefined;
  const anyYes = body.estimated_completion !== undefined || body.allocated_resources !== undefined;
  const anyNo = no || body.alternative_agents !== undefined;
  return body.status === "accepted" ? yes && !anyNo : no && !anyYes;
}

export const taskResponseSchema = once(() =>
  z
    .strictObject({
      ...responseFields(),
      /** As it was asked for. */
      lease: leaseSchema().optional(),
      queue_position: count.optional(),
      retry_after_ms: count.optional(),
    })
    .refine(isOneAnswer, "accepted and rejected have their own fields"),
);

export const firstTaskResponseSchema = once(() =>
  z.strictObject(responseFields()).refine(isOneAnswer, "accepted and rejected have their own fields"),
);

const progressFields = once(() => ({
  task_id: taskId,
  progress_percentage: percentage(),
  stage: z.string().max(64),
  estimated_completion: unixS.optional(),
  resource_usage: z.strictObject({ cpu_percent: z.number().min(0), memory_mb: count }).optional(),
}));

export const taskProgressSchema = once(() =>
  z.strictObject({
    ...progressFields(),
    seq: seq(),
    epoch: epoch(),
    /** The work in units of its own. */
    unit: z.strictObject({ done: z.number().min(0), total: z.number().min(0), name: shortText }).optional(),
  }),
);

/** 1.0 counts neither events nor assignments: both stay absent. */
export const firstTaskProgressSchema = once(() => z.strictObject(progressFields()));

export const taskHeartbeatSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    epoch: epoch(),
    queue_position: count.optional(),
  }),
);

/** A part of the result: inline, or by content address. */
export const taskPartialSchema = once(() =>
  z
    .strictObject({
      task_id: taskId,
      seq: seq(),
      epoch: epoch(),
      index: count,
      output: z
        .json()
        .refine((it) => canonicalBytes(it).length <= limits.taskPartialBytes, "over 256 KiB")
        .optional(),
      location: location().optional(),
      checksum: sha256Text.optional(),
      final: z.boolean(),
    })
    .refine(
      (it) => (it.output === undefined) === (it.location !== undefined && it.checksum !== undefined),
      "output, or location and checksum",
    ),
);

export const taskInputRequiredSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    seq: seq(),
    epoch: epoch(),
    input_id: shortText,
    /** JSON Schema of the value. */
    schema: z.json(),
    prompt: z.string().max(2_000).optional(),
    /** Unix seconds. */
    until: unixS,
  }),
);

const resultStatus = once(() => z.enum(["completed", "failed", "cancelled", "partial"]));

/** The one message that ends a task. */
export const taskResultSchema = once(() =>
  z
    .strictObject({
      task_id: taskId,
      seq: seq(),
      epoch: epoch(),
      attempt: attempt(),
      status: resultStatus(),
      result_data: resultDataSchema().optional(),
      result_hash: sha256Text.optional(),
      input_hash: sha256Text.optional(),
      error: taskErrorSchema().optional(),
      /** base64 of the 32 bytes behind `result_commit`. */
      salt: base64.length(44).optional(),
      usage: usage().optional(),
    })
    .refine(
      ({ status, result_data: data, error }) =>
        (status === "completed" ? data !== undefined : true) &&
        (status === "failed" ? error !== undefined : true),
      "completed has result_data, failed has error",
    )
    .refine(
      (it) => (it.result_data === undefined) === (it.result_hash === undefined),
      "result_hash goes with result_data",
    ),
);

/** 1.0 counts neither events nor assignments, and hashes only its result_data. */
export const firstTaskResultSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    status: resultStatus(),
    result_data: firstResultDataSchema().optional(),
  }),
);

export const taskCancelAckSchema = once(() => z.strictObject({ task_id: taskId, state: taskState() }));

export const taskStatusSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    state: taskState(),
    epoch: epoch(),
    /** The last event's; 0 before the first. */
    seq: count,
    progress_percentage: percentage(),
    queue_position: count.optional(),
    /** Progress that was collapsed: these events do not come. */
    gap: z.strictObject({ from: seq(), to: seq() }).optional(),
  }),
);

export const taskBidSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    price: price().optional(),
    /** Unix seconds, all three. */
    start_by: unixS,
    estimated_completion: unixS,
    valid_until: unixS,
  }),
);

export const taskCommitSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    /** sha256 of result_hash ‖ salt, hex. */
    result_commit: digestHex(),
  }),
);

export const taskReceiptAckSchema = once(() => z.strictObject({ task_id: taskId, receipt_hash: sha256Text }));

export const taskBatchResponseSchema = once(() =>
  z.strictObject({
    results: z
      .array(
        z.strictObject({
          task_id: taskId,
          status: z.enum(["accepted", "rejected"]),
          reason: rejectionReason().optional(),
          lease: leaseSchema().optional(),
        }),
      )
      .min(1)
      .max(100),
  }),
);

export type TaskResponse = Readonly<z.infer<ReturnType<typeof taskResponseSchema>>>;
export type TaskProgress = Readonly<z.infer<ReturnType<typeof taskProgressSchema>>>;
export type TaskResult = Readonly<z.infer<ReturnType<typeof taskResultSchema>>>;
export type TaskStatus = Readonly<z.infer<ReturnType<typeof taskStatusSchema>>>;
