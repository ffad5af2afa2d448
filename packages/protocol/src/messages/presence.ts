/** Who is there and how it is: hello, bindings, advertisements, heartbeats. */

import * as z from "zod";
import { agentId, agentName, capability, count, networkName, peerId } from "./fields.ts";
import { shortText, signature, unixS, version } from "./fields.ts";

const feature = z.string().regex(/^[a-z0-9_]{1,64}$/);
const ratio = z.number().min(0).max(1);

const helloFields = {
  supported_versions: z.array(version).min(1).max(16),
  preferred_version: version,
  required_features: z.array(feature).max(32),
  optional_features: z.array(feature).max(32),
  network: networkName,
  software: shortText,
};

export const helloSchema = z.strictObject(helloFields);

export const helloAckSchema = z.strictObject({
  ...helloFields,
  selected_version: version,
  features: z.array(feature).max(64),
  hello_hash: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});

/** An agent's signed tie to a PeerId; travels in the header field `binding`. */
export const agentBindingSchema = z.strictObject({
  agent_id: agentId,
  peer_id: peerId,
  name: agentName,
  not_after: unixS,
  signature,
});

const operation = z.strictObject({
  name: shortText,
  version: shortText,
  input_schema: z.json(),
  output_schema: z.json(),
  effect: shortText,
  price: z.json().optional(),
});

/** What an agent says it can do; reputation and uptime are claims. */
export const capabilityAdvertisementSchema = z.strictObject({
  name: agentName,
  status: z.enum(["available", "draining", "gone"]),
  seq: count,
  valid_until: unixS,
  capabilities: z.record(capability, z.json()),
  operations: z.array(operation).max(64).optional(),
  limits: z.strictObject({ max_input_bytes: count, max_runtime_s: count }).optional(),
  queue_depth: count.optional(),
  load: z.number().min(0).optional(),
  data_protocols: z.array(shortText).max(16).optional(),
  e2e_key: shortText.optional(),
  reputation_score: z.number().optional(),
  uptime_percentage: z.number().min(0).max(100).optional(),
  reputation_evidence: shortText.optional(),
});

export const heartbeatSchema = z.strictObject({
  status: z.enum(["healthy", "degraded", "draining", "overloaded"]),
  active_tasks: count,
  /** Free of all slots. */
  available_capacity: ratio,
  uptime_seconds: count,
  /** For the offset of the two clocks; the echoes repeat the peer's last heartbeat, absent in the first. */
  clock: z
    .strictObject({ sent_ms: count, echo_sent_ms: count.optional(), echo_received_ms: count.optional() })
    .optional(),
});

export type Hello = Readonly<z.infer<typeof helloSchema>>;
export type HelloAck = Readonly<z.infer<typeof helloAckSchema>>;
export type AgentBinding = Readonly<z.infer<typeof agentBindingSchema>>;
export type CapabilityAdvertisement = Readonly<z.infer<typeof capabilityAdvertisementSchema>>;
export type Heartbeat = Readonly<z.infer<typeof heartbeatSchema>>;
