/** Who is there and how it is: hello, bindings, advertisements, heartbeats. */

import * as z from "zod";
import { limits } from "../limits.ts";
import { e2eKeySchema } from "./data.ts";
import { agentId, agentName, capability, count, networkName, peerId, ratio } from "./fields.ts";
import { sha256Text, shortText, signature, unixS, version } from "./fields.ts";
import type { FirstForm } from "./schema.ts";

const feature = z.string().regex(/^[a-z0-9_]{1,64}$/);

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
  hello_hash: sha256Text,
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

const words = z.array(shortText).max(64);

/** The three capabilities whose facts have a shape of their own; what else they hold is free. */
const shapes: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  [
    "processing",
    z.looseObject({
      types: words.optional(),
      max_concurrent_tasks: count.optional(),
      supported_models: words.optional(),
    }),
  ],
  [
    "storage",
    z.looseObject({ available_space_gb: z.number().min(0).optional(), access_patterns: words.optional() }),
  ],
  [
    "compute",
    z.looseObject({
      cpu_cores: z.number().min(0).optional(),
      memory_gb: z.number().min(0).optional(),
      gpu_available: z.boolean().optional(),
    }),
  ],
]);

const capabilities = z
  .record(capability, z.json())
  .refine(
    (all) => Object.entries(all).every(([name, facts]) => shapes.get(name)?.safeParse(facts).success ?? true),
    "processing, storage or compute without its shape",
  );

/** What the agent says of itself: shown, never used. */
const claims = {
  reputation_score: z.number().optional(),
  uptime_percentage: z.number().min(0).max(100).optional(),
};

/** What an agent says it can do; reputation and uptime are claims. */
export const capabilityAdvertisementSchema = z.strictObject({
  name: agentName,
  status: z.enum(["available", "draining", "gone"]),
  seq: count,
  valid_until: unixS,
  capabilities,
  operations: z.array(operation).max(64).optional(),
  limits: z.strictObject({ max_input_bytes: count, max_runtime_s: count }).optional(),
  queue_depth: count.optional(),
  load: z.number().min(0).optional(),
  data_protocols: z.array(shortText).max(16).optional(),
  e2e_key: e2eKeySchema.optional(),
  ...claims,
  /** CID. */
  reputation_evidence: shortText.optional(),
});

/** 1.0 names no agent and numbers nothing: the binding's name and the signing time stand in. */
export const firstAdvertisement: FirstForm = {
  body: z.strictObject({ capabilities, ...claims }),
  read(body, message) {
    const signedS = Number(message["timestamp"]);
    const binding = message["binding"] as { readonly name?: string } | undefined;
    return {
      ...body,
      name: binding?.name ?? "",
      status: "available",
      seq: signedS,
      valid_until: signedS + limits.advertisementValidS,
    };
  },
};

const health = {
  status: z.enum(["healthy", "degraded", "draining", "overloaded"]),
  active_tasks: count,
  /** Free of all slots. */
  available_capacity: ratio,
  uptime_seconds: count,
};

export const firstHeartbeat: FirstForm = { body: z.strictObject(health), read: (body) => body };

export const heartbeatSchema = z.strictObject({
  ...health,
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
