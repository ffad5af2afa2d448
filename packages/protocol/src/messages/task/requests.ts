/** What a requester says of its tasks. */

import * as z from "zod";
import { limits } from "../../limits.ts";
import { canonicalBytes } from "../../canonical.ts";
import { agentId, cid, count, sha256Text, shortText, unixS, uuid } from "../fields.ts";
import { once } from "../../once.ts";
import {
  attempt,
  epoch,
  leaseSchema,
  operationName,
  price,
  priority,
  resourceRequirements,
  taskDefinitionSchema,
  taskId,
  timeoutsSchema,
  usage,
  verificationSchema,
} from "./fields.ts";

/** `[<multiaddr>/]p2p/<PeerId>`. */
const endpoint = once(() =>
  z
    .string()
    .max(256)
    .regex(/^(?:\/[\x21-\x7e]+)?\/?p2p\/12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$/),
);

const callbackInfo = once(() =>
  z.strictObject({
    /** Default: the stream; must end in the requester's own PeerId. */
    result_endpoint: endpoint().optional(),
    progress_updates: z.boolean(),
  }),
);

export const taskRequestSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    task_definition: taskDefinitionSchema(),
    callback_info: callbackInfo().optional(),
    /** Where leases were agreed on; else the deadline bounds the task. */
    lease: leaseSchema().optional(),
    attempt: attempt(),
    timeouts: timeoutsSchema(),
    mode: z.enum(["direct", "bid"]),
    verification: verificationSchema().optional(),
    /** Replicas of one task share it. */
    group_id: uuid.optional(),
    accept_partial: z.boolean().optional(),
  }),
);

const QUEUE_S = 60;
const EXECUTION_S = 300;
const TOTAL_S = 900;

/** 1.0 has no lease and no attempts. */
export const firstTaskRequestSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    task_definition: taskDefinitionSchema(),
    callback_info: z
      .strictObject({ result_endpoint: z.string().max(256).optional(), progress_updates: z.boolean() })
      .optional(),
  }),
);

/** As today's: one attempt, the usual timeouts; its endpoint, which is no multiaddr, is not read. */
export function readFirstTaskRequest(
  body: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { callback_info: shown, ...rest } = body as z.infer<ReturnType<typeof firstTaskRequestSchema>>;
  const estimateS = rest.task_definition.resource_requirements?.execution_time_estimate ?? 0;
  const execution_s = Math.max(EXECUTION_S, Math.ceil(3 * estimateS));
  return {
    ...rest,
    ...(shown === undefined ? {} : { callback_info: { progress_updates: shown.progress_updates } }),
    attempt: 1,
    timeouts: { queue_s: QUEUE_S, execution_s, total_s: TOTAL_S },
    mode: "direct",
  };
}

/** An answer to `task_input_required`; its value at most 64 KiB. */
export const taskInputSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    input_id: shortText,
    value: z.json().refine((it) => canonicalBytes(it).length <= limits.taskInputBytes, "over 64 KiB"),
  }),
);

export const taskAckSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    up_to_seq: count,
    /** message_id of the executor's newest message. */
    of: uuid,
  }),
);

export const taskCancelSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    reason: shortText,
    mode: z.enum(["try", "wait"]),
  }),
);

export const taskAttachSchema = once(() =>
  z.strictObject({ task_id: taskId, epoch: epoch(), after_seq: count }),
);
export const taskQuerySchema = once(() => z.strictObject({ task_id: taskId }));
export const taskAwardSchema = once(() =>
  z.strictObject({ task_id: taskId, lease: leaseSchema(), attempt: attempt() }),
);
export const taskRevealSchema = once(() => z.strictObject({ task_id: taskId }));

/** On gossip, to everybody: never parameters or content. */
export const taskOfferSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    operation: operationName(),
    /** Of the operation. */
    operation_version: shortText.optional(),
    priority: priority(),
    deadline: unixS.optional(),
    resource_requirements: resourceRequirements(),
    /** Decoded bytes. */
    input_size: count,
    input_cid: cid.optional(),
    price_max: price().optional(),
    /** Unix seconds, at most ten ahead. */
    bid_until: unixS,
  }),
);

/** Proof of an outcome, for ever; `prev` is the hash of the signer's last one for this executor. */
export const taskReceiptSchema = once(() =>
  z.strictObject({
    task_id: taskId,
    epoch: epoch(),
    executor_id: agentId,
    operation: operationName(),
    input_hash: sha256Text,
    result_hash: sha256Text,
    verdict: z.enum(["accepted", "rejected", "disputed"]),
    latency_ms: count,
    usage: usage().optional(),
    price: price().optional(),
    prev: sha256Text.nullable(),
  }),
);

/** Several tasks over one stream. */
export const taskBatchRequestSchema = once(() =>
  z.strictObject({
    tasks: z
      .array(
        z.strictObject({
          task_id: taskId,
          task_definition: taskDefinitionSchema(),
          lease: leaseSchema().optional(),
          attempt: attempt(),
          timeouts: timeoutsSchema(),
          verification: verificationSchema().optional(),
          accept_partial: z.boolean().optional(),
        }),
      )
      .min(1)
      .max(100),
  }),
);

export type TaskRequest = Readonly<z.infer<ReturnType<typeof taskRequestSchema>>>;
export type TaskOffer = Readonly<z.infer<ReturnType<typeof taskOfferSchema>>>;
export type TaskReceipt = Readonly<z.infer<ReturnType<typeof taskReceiptSchema>>>;
