/** Every message type that is spoken, with what the ladder must know of it. */

import { bootstrapRequestSchema, bootstrapResponseSchema, peerIntroductionSchema } from "./bootstrap.ts";
import { keyContinuitySchema } from "./continuity.ts";
import { dataOpenAckSchema, dataOpenSchema } from "./data.ts";
import { extensionMessage } from "./extension.ts";
import { errorResponseSchema, firstErrorResponse } from "./failure.ts";
import {
  capabilityAdvertisementSchema,
  firstAdvertisement,
  firstHeartbeat,
  heartbeatSchema,
  helloAckSchema,
  helloSchema,
} from "./presence.ts";
import { marketMessages } from "./market/index.ts";
import { type MessageSchema, said } from "./schema.ts";
import { taskMessages } from "./task/index.ts";
import { tradeMessageSchemas } from "./trade/messages.ts";

const control = { signerField: "agent_id", streams: ["control"], first: "same" } as const;
const told = { signerField: "sender_id", streams: ["trade"] } as const;
const trade = { signerField: "sender_id", streams: ["trade"], first: "same" } as const;

/** By type; extensions are read by `schemaOf`. */
export const messageSchemas: ReadonlyMap<string, MessageSchema> = new Map<string, MessageSchema>(
  Object.entries({
    hello: { ...control, body: helloSchema },
    hello_ack: { ...control, body: helloAckSchema },
    bootstrap_request: { ...control, body: bootstrapRequestSchema },
    bootstrap_response: { ...control, body: bootstrapResponseSchema },
    peer_introduction: { signerField: "agent_id", streams: ["control"], body: peerIntroductionSchema },
    capability_advertisement: {
      signerField: "agent_id",
      streams: ["control", "gossip"],
      body: capabilityAdvertisementSchema,
      first: firstAdvertisement,
    },
    heartbeat: { ...control, body: heartbeatSchema, first: firstHeartbeat },
    error_response: {
      signerField: "sender_id",
      streams: ["control", "trade", "task", "data"],
      body: errorResponseSchema,
      first: firstErrorResponse,
    },
    key_continuity: {
      signerField: "old_id",
      streams: ["control", "gossip"],
      body: keyContinuitySchema,
      lasting: true,
    },
    trade_send: { ...trade, body: tradeMessageSchemas.trade_send },
    trade_query: { ...trade, body: tradeMessageSchemas.trade_query },
    ...taskMessages,
    data_open: said("sender_id", ["data"])(dataOpenSchema),
    data_open_ack: said("sender_id", ["data"])(dataOpenAckSchema),
    trade_reconcile: { ...told, body: tradeMessageSchemas.trade_reconcile },
    trade_orders: { ...told, body: tradeMessageSchemas.trade_orders },
    ...marketMessages,
  } satisfies Readonly<Record<string, MessageSchema>>),
);

/** What is known of a type, extensions among them; undefined for one that is not spoken. */
export function schemaOf(type: string): MessageSchema | undefined {
  return type.startsWith("ext:") ? extensionMessage : messageSchemas.get(type);
}
