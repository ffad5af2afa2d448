/** Every message about tasks, by type. */

import type { MessageSchema, SignerField } from "../schema.ts";
import * as replies from "./replies.ts";
import * as requests from "./requests.ts";

const requester = (body: MessageSchema["body"], more: Partial<MessageSchema> = {}): MessageSchema =>
  spoken("requester_id", body, more);
const executor = (body: MessageSchema["body"], more: Partial<MessageSchema> = {}): MessageSchema =>
  spoken("executor_id", body, more);
const responder = (body: MessageSchema["body"], more: Partial<MessageSchema> = {}): MessageSchema =>
  spoken("responder_id", body, more);

function spoken(
  signerField: SignerField,
  body: MessageSchema["body"],
  more: Partial<MessageSchema>,
): MessageSchema {
  return { signerField, body, streams: ["task"], ...more };
}

export { rejectionCodes } from "./fields.ts";
export type { TaskProgress, TaskResponse, TaskResult, TaskStatus } from "./replies.ts";
export type { TaskOffer, TaskReceipt, TaskRequest } from "./requests.ts";

export const taskMessages = {
  task_request: requester(requests.taskRequestSchema, { first: requests.firstTaskRequest }),
  task_response: responder(replies.taskResponseSchema, { first: replies.firstTaskResponse }),
  task_progress: executor(replies.taskProgressSchema, { first: replies.firstTaskProgress }),
  task_heartbeat: executor(replies.taskHeartbeatSchema),
  task_partial: executor(replies.taskPartialSchema),
  task_input_required: executor(replies.taskInputRequiredSchema),
  task_input: requester(requests.taskInputSchema),
  task_result: executor(replies.taskResultSchema, { first: replies.firstTaskResult }),
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
