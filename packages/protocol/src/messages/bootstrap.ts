/** How a node finds its first peers. */

import * as z from "zod";
import { limits } from "../limits.ts";
import { capability, multiaddr, networkName, peerRecord, shortText } from "./fields.ts";

export const bootstrapRequestSchema = z.strictObject({
  capabilities: z.array(capability).max(limits.bootstrapCapabilities),
  /** base64 of the raw key behind the signer's agent_id. */
  public_key: z.string().length(44),
  network_info: z.strictObject({
    listen_addresses: z.array(multiaddr).max(limits.bootstrapAddresses),
    supported_protocols: z.array(shortText).max(64),
  }),
});

export const bootstrapResponseSchema = z.strictObject({
  accepted: z.boolean(),
  reason: shortText.optional(),
  network_id: networkName,
  observed_addr: multiaddr,
  peers: z.array(peerRecord).max(limits.bootstrapPeers),
});

/** A dial candidate, no more. */
export const peerIntroductionSchema = z.strictObject({
  introduced: peerRecord,
  reason: z.enum(["bootstrap", "capability", "task_alternative", "operator"]),
  capability: capability.optional(),
});
