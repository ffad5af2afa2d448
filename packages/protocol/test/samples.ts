/** One or two messages of every type: the words of the first version, and all fields of today's. */

import { toBase64 } from "@gridmesh/protocol";
import {
  DEADLINE_S,
  executor,
  INPUT_CID,
  INPUT_SUM,
  MESSAGE,
  node,
  NOW_S,
  P,
  price,
  requester,
  RESULT_CID,
  RESULT_SUM,
  type Sample,
  TASK,
} from "./sample-facts.ts";
import { marketSamples } from "./market-samples.ts";
import { taskSamples } from "./task-samples.ts";

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
    trade_reconcile: [
      {
        from: "requester",
        body: {
          openCount: 1,
          openHash: INPUT_SUM,
          totals: { orders: 2, paidMicro: 410_000, receivedMicro: 0, inMilliWh: 3_000_000, outMilliWh: 0 },
        },
      },
    ],
    trade_orders: [
      {
        from: "executor",
        body: {
          orders: [
            { orderId: MESSAGE, orderHash: INPUT_SUM, state: "SETTLED", finalMilliWh: 1, amountMicro: 0 },
          ],
          ended: { fromMs: 0, toMs: 1_641_038_400_000, after: "", upTo: null },
        },
      },
    ],
    ...marketSamples(),
    ...taskSamples(signedGrant),
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
