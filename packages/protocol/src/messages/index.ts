/** Every message type that is spoken, with what the ladder must know of it. */

import { bootstrapRequestSchema, bootstrapResponseSchema, peerIntroductionSchema } from "./bootstrap.ts";
import { errorResponseSchema } from "./failure.ts";
import { capabilityAdvertisementSchema, heartbeatSchema, helloAckSchema, helloSchema } from "./presence.ts";
import type { MessageSchema } from "./schema.ts";
import { tradeMessageSchemas } from "./trade/messages.ts";

const control = {
  hello: helloSchema,
  hello_ack: helloAckSchema,
  bootstrap_request: bootstrapRequestSchema,
  bootstrap_response: bootstrapResponseSchema,
  peer_introduction: peerIntroductionSchema,
  capability_advertisement: capabilityAdvertisementSchema,
  heartbeat: heartbeatSchema,
};

/** By type. */
export const messageSchemas: ReadonlyMap<string, MessageSchema> = new Map<string, MessageSchema>([
  ...Object.entries(control).map(([type, body]): [string, MessageSchema] => [
    type,
    { signerField: "agent_id", body },
  ]),
  ["error_response", { signerField: "sender_id", body: errorResponseSchema }],
  ...Object.entries(tradeMessageSchemas).map(([type, body]): [string, MessageSchema] => [
    type,
    { signerField: "sender_id", body },
  ]),
]);
