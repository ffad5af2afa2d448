/** One or two messages about tasks of every type: the words of the first version, and all fields of today's. */

import { toBase64 } from "@gridmesh/protocol";
import { signerOf } from "./keys.ts";
import {
  DEADLINE_S,
  executor,
  GROUP,
  INPUT_CID,
  INPUT_SUM,
  MESSAGE,
  NOW_S,
  P,
  price,
  RESULT_CID,
  RESULT_SUM,
  type Sample,
  TASK,
} from "./sample-facts.ts";

const input = { type: "text", size_bytes: 1_048_576, checksum: INPUT_SUM, location: `ipfs://${INPUT_CID}` };
const resources = { cpu_cores: 2, memory_mb: 512, execution_time_estimate: 30 };
const definition = {
  operation: "text_chunking",
  priority: "normal",
  deadline: DEADLINE_S,
  resource_requirements: resources,
  input_data: input,
  parameters: { chunk_size: 1_000, overlap: 200, language: "en" },
};
const timeouts = { queue_s: 60, execution_s: 300, total_s: 900 };
const lease = { epoch: 1, ttl_ms: 30_000 };
const allocated = { cpu_cores: 2, memory_mb: 512 };
const accepted = { status: "accepted", estimated_completion: 1_640_995_500, allocated_resources: allocated };
const rejected = {
  status: "rejected",
  reason: "insufficient_resources",
  alternative_agents: [signerOf(6).agentId, signerOf(7).agentId],
};
const progress = {
  progress_percentage: 45.5,
  stage: "processing",
  estimated_completion: 1_640_995_450,
  resource_usage: { cpu_percent: 75, memory_mb: 384 },
};
const metadata = { processing_time_ms: 28_500, chunks_created: 42, average_chunk_size: 985 };
const firstResult = {
  type: "chunked_text",
  chunks_count: 42,
  output_location: `ipfs://${RESULT_CID}`,
  checksum: RESULT_SUM,
  metadata,
};
const byRequester = (body: Sample["body"]): Sample => ({
  from: "requester",
  body: { task_id: TASK, ...body },
});
const byExecutor = (body: Sample["body"]): Sample => ({ from: "executor", body: { task_id: TASK, ...body } });

/** @param signedGrant - a data_grant of the requester */
export function taskSamples(
  signedGrant: Readonly<Record<string, unknown>>,
): Readonly<Record<string, readonly Sample[]>> {
  return {
    task_request: [
      {
        version: "1.0",
        from: "requester",
        body: {
          task_id: TASK,
          task_definition: definition,
          callback_info: {
            result_endpoint: "/ip4/192.168.1.100/tcp/8000/results",
            progress_updates: true,
          },
        },
        reads: {
          task_id: TASK,
          task_definition: definition,
          callback_info: { progress_updates: true },
          attempt: 1,
          timeouts,
          mode: "direct",
        },
      },
      byRequester({
        task_definition: {
          ...definition,
          version: "1",
          input_data: { ...input, providers: [P], grant: signedGrant },
        },
        callback_info: { result_endpoint: `/ip4/192.0.2.7/tcp/4801/p2p/${P}`, progress_updates: true },
        lease,
        attempt: 1,
        timeouts,
        mode: "bid",
        verification: {
          mode: "redundant",
          replicas: 3,
          quorum: 2,
          comparator: { numeric: { rel_tol: 0.001 } },
          commit_reveal: true,
        },
        group_id: GROUP,
        accept_partial: false,
      }),
    ],
    task_response: [
      { version: "1.0", ...byExecutor(accepted) },
      { version: "1.0", ...byExecutor(rejected) },
      byExecutor({ ...accepted, lease, queue_position: 0 }),
      byExecutor({ ...rejected, retry_after_ms: 2_000 }),
    ],
    task_progress: [
      { version: "1.0", ...byExecutor(progress) },
      byExecutor({ ...progress, seq: 3, epoch: 1, unit: { done: 19, total: 42, name: "chunks" } }),
    ],
    task_heartbeat: [byExecutor({ epoch: 1, queue_position: 4 })],
    task_partial: [
      byExecutor({ seq: 4, epoch: 1, index: 0, output: { chunk: "Once upon a time" }, final: false }),
      byExecutor({
        seq: 5,
        epoch: 1,
        index: 1,
        location: `ipfs://${RESULT_CID}`,
        checksum: RESULT_SUM,
        final: true,
      }),
    ],
    task_input_required: [
      byExecutor({
        seq: 6,
        epoch: 1,
        input_id: "language",
        schema: { type: "string", enum: ["en", "de"] },
        prompt: "Which language is it?",
        until: DEADLINE_S,
      }),
    ],
    task_input: [byRequester({ input_id: "language", value: "en" })],
    task_result: [
      { version: "1.0", ...byExecutor({ status: "completed", result_data: firstResult }) },
      byExecutor({
        seq: 9,
        epoch: 1,
        attempt: 1,
        status: "completed",
        result_data: { ...firstResult, size_bytes: 0 },
        result_hash: RESULT_SUM,
        input_hash: INPUT_SUM,
        salt: toBase64(new Uint8Array(32).fill(8)),
        usage: { cpu_s: 28.5, memory_mb: 384 },
      }),
      byExecutor({
        seq: 9,
        epoch: 1,
        attempt: 1,
        status: "failed",
        input_hash: INPUT_SUM,
        error: {
          code: "TASK_EXECUTION_FAILED",
          message: "Out of memory during processing",
          retryable: true,
          suggested_action: "reduce_task_size",
        },
      }),
    ],
    task_ack: [byRequester({ up_to_seq: 9, of: MESSAGE })],
    task_cancel: [byRequester({ reason: "not_selected", mode: "try" })],
    task_cancel_ack: [byExecutor({ state: "cancelled" })],
    task_attach: [byRequester({ epoch: 1, after_seq: 500 })],
    task_query: [byRequester({})],
    task_status: [
      byExecutor({
        state: "running",
        epoch: 1,
        seq: 700,
        progress_percentage: 71,
        gap: { from: 501, to: 640 },
      }),
    ],
    task_bid: [
      byExecutor({
        price,
        start_by: NOW_S + 10,
        estimated_completion: NOW_S + 300,
        valid_until: NOW_S + 20,
      }),
    ],
    task_award: [byRequester({ lease, attempt: 1 })],
    task_offer: [
      {
        ...byRequester({
          operation: "text_chunking",
          operation_version: "1",
          priority: "normal",
          deadline: DEADLINE_S,
          resource_requirements: resources,
          input_size: 1_048_576,
          input_cid: INPUT_CID,
          price_max: price,
          bid_until: NOW_S + 10,
        }),
        published: true,
      },
    ],
    task_commit: [byExecutor({ result_commit: "66687aadf862bd776c8fc18b8e9f8e20".repeat(2) })],
    task_reveal: [byRequester({})],
    task_receipt: [
      byRequester({
        epoch: 1,
        executor_id: executor.agentId,
        operation: "text_chunking",
        input_hash: INPUT_SUM,
        result_hash: RESULT_SUM,
        verdict: "accepted",
        latency_ms: 29_100,
        usage: { cpu_s: 28.5 },
        price,
        prev: null,
      }),
      byRequester({
        epoch: 1,
        executor_id: executor.agentId,
        operation: "text_chunking",
        input_hash: INPUT_SUM,
        result_hash: RESULT_SUM,
        verdict: "disputed",
        latency_ms: 29_100,
        prev: RESULT_SUM,
      }),
    ],
    task_receipt_ack: [byExecutor({ receipt_hash: RESULT_SUM })],
    task_batch_request: [
      {
        from: "requester",
        body: {
          tasks: [
            { task_id: TASK, task_definition: definition, lease, attempt: 1, timeouts },
            { task_id: GROUP, task_definition: definition, attempt: 1, timeouts, accept_partial: true },
          ],
        },
      },
    ],
    task_batch_response: [
      {
        from: "executor",
        body: {
          results: [
            { task_id: TASK, status: "accepted", lease },
            { task_id: GROUP, status: "rejected", reason: "queue_full" },
          ],
        },
      },
    ],
  };
}
