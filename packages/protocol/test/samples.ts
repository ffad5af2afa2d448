/** One or two messages of every type: the words of the first version, and all fields of today's. */

import { toBase64 } from "@gridmesh/protocol";
import { signerOf } from "./keys.ts";

/** The node A of the pins, and agents beside it. */
export const node = signerOf(0);
export const requester = signerOf(1);
export const executor = signerOf(2);
export const successor = signerOf(5);

export interface Sample {
  /** 1.1 unless told otherwise. */
  readonly version?: "1.0" | "1.1";
  readonly from: "node" | "requester" | "executor";
  /** To everybody; default to the node P of the pins. */
  readonly published?: true;
  readonly body: Readonly<Record<string, unknown>>;
  /** The body as it is read, where that differs from what was said. */
  readonly reads?: Readonly<Record<string, unknown>>;
}

export const NOW_S = 1_640_995_200;
export const DEADLINE_S = 1_640_995_800;
const TASK = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
const GROUP = "0190163d-8694-739b-aea5-966c26f8ad91";
const MESSAGE = "01890a5d-ac96-774b-bcce-b302099a8057";
/** A mebibyte of zero bytes. */
const INPUT_CID = "bafkreibq4fevl27rgurgnxbp7adh42aqiyd6ouflxhj3gzmcxcxzbh6lla";
const INPUT_SUM = "sha256:30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58";
/** No bytes. */
const RESULT_CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
const RESULT_SUM = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const P = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";

/** Signed peer records of libp2p, of the keys 03… and 04…. */
export const peerRecords = [
  "CiQIARIgSB7edy2hV4XJ5ZoIYgG4w/nDBxKeP8bX80qk3+1YFOUSAgMBGjsKJgAkCAESIEge3nctoVeFyeWaCGIBuMP5wwcSnj/G1/NKpN/tWBTlEIC4vpfhLxoKCggEwAACAwYSwSpAJtYozKqrO+VEm0pOr2AOP363yn2UfbEKeisJsOh3bbn6gWxG3LSsYT7IMm4UfwK61me9hdfr+MaAnG1BAuc/Bw==",
  "CiQIARIgUZmMz9//2D2XJEkIGMoiqXoDDRi7Kp10Zo9yuBw/pYgSAgMBGjsKJgAkCAESIFGZjM/f/9g9lyRJCBjKIql6Aw0YuyqddGaPcrgcP6WIEIC4vpfhLxoKCggEwAACBAYSwSpAdVP8/ApLNORkT+8JZaTBYSr4k8Ne7HFJA6jbt4XFvuUNj38IylP+BeFXs5ZBdMo7gPw91NZIlLv2Z8Ru1m1oCQ==",
];

const hello = {
  supported_versions: ["1.0", "1.1"],
  preferred_version: "1.1",
  required_features: ["encryption", "compression"],
  optional_features: ["streaming", "batch_processing"],
  network: "testnet-vectors",
  software: "gridmesh/0.1.0",
};

const networkInfo = {
  listen_addresses: ["/ip4/192.168.1.100/tcp/8000"],
  supported_protocols: ["libp2p", "websocket", "quic"],
};

const capabilities = {
  processing: {
    types: ["nlp", "chunking", "classification"],
    max_concurrent_tasks: 4,
    supported_models: ["spacy_sm", "bert_base"],
  },
  storage: { available_space_gb: 100, access_patterns: ["read", "write", "cache"] },
  compute: { cpu_cores: 8, memory_gb: 16, gpu_available: false },
};
const claims = { reputation_score: 0.95, uptime_percentage: 99.2 };
const health = { status: "healthy", active_tasks: 3, available_capacity: 0.6, uptime_seconds: 86_400 };

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
const grant = {
  cid: INPUT_CID,
  audience: executor.agentId,
  task_id: TASK,
  issuer: requester.agentId,
  exp: DEADLINE_S + 600,
  max_bytes: 4_194_304,
};

const failure = {
  error_code: "TASK_EXECUTION_FAILED",
  error_message: "Out of memory during processing",
  original_message_id: MESSAGE,
  retry_possible: true,
  suggested_action: "reduce_task_size",
};

const price = { amount_micro: 125_000, currency: "USD" };
const byRequester = (body: Sample["body"]): Sample => ({
  from: "requester",
  body: { task_id: TASK, ...body },
});
const byExecutor = (body: Sample["body"]): Sample => ({ from: "executor", body: { task_id: TASK, ...body } });

/** @param signGrant - signs a data_grant as the requester */
export function samples(
  signGrant: (fields: typeof grant) => Readonly<Record<string, unknown>>,
): Readonly<Record<string, readonly Sample[]>> {
  const signedGrant = signGrant(grant);
  return {
    hello: [{ from: "node", body: hello }],
    hello_ack: [
      {
        from: "node",
        body: {
          ...hello,
          selected_version: "1.1",
          features: ["batch_processing", "compression", "encryption", "streaming"],
          hello_hash: RESULT_SUM,
        },
      },
    ],
    bootstrap_request: [
      {
        version: "1.0",
        from: "node",
        body: {
          capabilities: ["processing", "storage", "vectorization"],
          public_key: toBase64(node.publicKey),
          network_info: networkInfo,
        },
      },
    ],
    bootstrap_response: [
      {
        from: "node",
        body: {
          accepted: true,
          network_id: "testnet-vectors",
          observed_addr: "/ip4/192.0.2.7/tcp/8000",
          peers: peerRecords,
        },
      },
      {
        from: "node",
        body: {
          accepted: false,
          reason: "no room",
          network_id: "testnet-vectors",
          observed_addr: "/ip4/192.0.2.7/tcp/8000",
          peers: [],
        },
      },
    ],
    peer_introduction: [
      {
        from: "node",
        body: { introduced: peerRecords[0], reason: "capability", capability: "energy.sell" },
      },
    ],
    capability_advertisement: [
      {
        version: "1.0",
        from: "executor",
        published: true,
        body: { capabilities, ...claims },
        reads: {
          capabilities,
          ...claims,
          name: "worker",
          status: "available",
          seq: NOW_S,
          valid_until: NOW_S + 180,
        },
      },
      {
        from: "executor",
        published: true,
        body: {
          name: "worker",
          status: "available",
          seq: 7,
          valid_until: NOW_S + 180,
          capabilities: { ...capabilities, "energy.sell": {} },
          operations: [
            {
              name: "text_chunking",
              version: "1",
              input_schema: { type: "object", properties: { chunk_size: { type: "integer" } } },
              output_schema: true,
              effect: "pure",
              price,
            },
          ],
          limits: { max_input_bytes: 104_857_600, max_runtime_s: 600 },
          queue_depth: 2,
          load: 0.4,
          data_protocols: ["/gridmesh/data/1"],
          e2e_key: {
            key_id: "66687aadf862bd77",
            x25519: toBase64(new Uint8Array(32)),
            not_after: NOW_S + 2_592_000,
          },
          ...claims,
          reputation_evidence: RESULT_CID,
        },
      },
    ],
    heartbeat: [
      { version: "1.0", from: "node", body: health },
      { from: "node", body: health },
      {
        from: "node",
        body: {
          ...health,
          clock: {
            sent_ms: 1_640_995_200_000,
            echo_sent_ms: 1_640_995_185_100,
            echo_received_ms: 1_640_995_185_112,
          },
        },
      },
    ],
    error_response: [
      { version: "1.0", from: "executor", body: failure, reads: { ...failure, error_number: -31_310 } },
      {
        from: "executor",
        body: { ...failure, error_number: -31_310, retry_after_ms: 1_500, data: { limit_mb: 512 } },
      },
      {
        from: "node",
        body: {
          error_code: "MESSAGE_MALFORMED",
          error_number: -31_100,
          error_message: "not JSON",
          original_message_id: null,
          retry_possible: false,
          suggested_action: "fix_request",
        },
      },
    ],
    trade_send: [
      {
        from: "requester",
        body: {
          documents: [
            {
              type: "trade_receipt",
              version: "1",
              orderId: MESSAGE,
              orderHash: INPUT_SUM,
              buyer: executor.agentId,
              seller: requester.agentId,
              signedAtMs: 1_640_995_200_000,
              amountMicro: 410_000,
              signature: toBase64(new Uint8Array(64).fill(9)),
            },
          ],
        },
      },
    ],
    trade_query: [{ from: "requester", body: { orderIds: [MESSAGE] } }],
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
    data_open: [{ from: "executor", body: { root: INPUT_CID, grant: signedGrant, task_id: TASK } }],
    data_open_ack: [
      {
        from: "requester",
        body: { root: INPUT_CID, size_bytes: 1_048_576, have: "all", max_outstanding: 8 },
      },
    ],
    "ext:security.alert": [
      extension({
        kind: "EQUIVOCATION",
        subject: executor.agentId,
        evidence_cid: RESULT_CID,
        until: NOW_S + 2_592_000,
      }),
    ],
    "ext:data.pin": [
      extension({
        cid: INPUT_CID,
        size_bytes: 1_048_576,
        checksum: INPUT_SUM,
        owner: requester.agentId,
        until: NOW_S + 86_400,
        providers: [P],
        grant: signedGrant,
      }),
    ],
    "ext:data.pin_receipt": [extension({ cid: INPUT_CID, until: NOW_S + 86_400, held_bytes: 1_048_576 })],
    "ext:data.unpin": [extension({ cid: INPUT_CID })],
    "ext:federated_learning_update": [
      extension({ round: 12, weights: [0.25, -0.5, 1], note: null }),
      { from: "node", body: { extension_version: "1.0", data: { round: 12 }, optional: true } },
    ],
  };
}

function extension(data: Readonly<Record<string, unknown>>): Sample {
  return { from: "node", body: { extension_version: "1.0", data } };
}
