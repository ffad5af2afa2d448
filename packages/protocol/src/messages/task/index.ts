/** Every message about tasks, by type. */

import type * as z from "zod";
import { type FirstForm, type MessageSchema, said } from "../schema.ts";
import * as replies from "./replies.ts";
import * as requests from "./requests.ts";

export { rejectionCodes } from "./fields.ts";
export type { TaskProgress, TaskResponse, TaskResult, TaskStatus } from "./replies.ts";
export type { TaskOffer, TaskReceipt, TaskRequest } from "./requests.ts";

type Fields = Readonly<Record<string, unknown>>;
const requester = said("requester_id", ["task"]);
const executor = said("executor_id", ["task"]);
const responder = said("responder_id", ["task"]);

function first(make: () => z.ZodObject, read: (body: Fields) => Fields = (body) => body): FirstForm {
  return {
    read,
    get body() {
      return make();
    },
  };
}

export const taskMessages = {
  task_request: requester(requests.taskRequestSchema, {
    first: first(requests.firstTaskRequestSchema, requests.readFirstTaskRequest),
  }),
  task_response: responder(replies.taskResponseSchema, { first: first(replies.firstTaskResponseSchema) }),
  task_progress: executor(replies.taskProgressSchema, { first: first(replies.firstTaskProgressSchema) }),
  task_heartbeat: executor(replies.taskHeartbeatSchema),
  task_partial: executor(replies.taskPartialSchema),
  task_input_required: executor(replies.taskInputRequiredSchema),
  task_input: requester(requests.taskInputSchema),
  task_result: executor(replies.taskResultSchema, { first: first(replies.firstTaskResultSchema) }),
  task_ack: requester(requests.taskAckSchema),
  task_cancel: requester(requests.taskCancelSchema),
  task_cancel_ack: executor(replies.taskCancelAckSchema),
  task_attach: requester(requests.taskAttachSchema),
  task_query: requester(requests.taskQuerySchema),
  task_status: executor(replies.taskStatusSchema),
  task_bid: responder(replies.taskBidSchema),
  task_award: requester(requests.taskAwardSchema),
  task_offer: requester(requests.taskOfferSchema, { streams: ["gossip"] }),
  task_commit: executor(replies.taskCommitSchema),
  task_reveal: requester(requests.taskRevealSchema),
  task_receipt: requester(requests.taskReceiptSchema, { lasting: true }),
  task_receipt_ack: executor(replies.taskReceiptAckSchema, { lasting: true }),
  task_batch_request: requester(requests.taskBatchRequestSchema),
  task_batch_response: executor(replies.taskBatchResponseSchema),
} satisfies Readonly<Record<string, MessageSchema>>;
