/** Messages of programs outside, signed by a key that is nobody's agent. */

import { randomUUID } from "node:crypto";
import { signBeckn, type BecknAction, type Signer } from "@gridmesh/protocol";
import type { OutsideMessage } from "../src/beckn/types.ts";

interface Party {
  readonly id: string;
  readonly uri: string;
}

/** @param options.message - what is beside the context; default an empty intent. */
export function outsideMessage(options: {
  readonly signer: Signer;
  readonly action: BecknAction;
  readonly bapUri: string;
  readonly bpp?: Party;
  readonly message?: object;
}): OutsideMessage {
  const { signer, action, bapUri, bpp, message = { intent: {} } } = options;
  const context = {
    domain: "energy",
    action,
    version: "1.1.0",
    location: { country: { code: "USA" }, city: { code: "std:0000" } },
    bap_id: signer.agentId,
    bap_uri: bapUri,
    ...(bpp === undefined ? {} : { bpp_id: bpp.id, bpp_uri: bpp.uri }),
    transaction_id: randomUUID(),
    message_id: randomUUID(),
    timestamp: new Date().toISOString(),
    ttl: "PT15S",
  };
  const body = new TextEncoder().encode(JSON.stringify({ context, message }));
  const authorization = signBeckn(body, signer, { nowS: Date.now() / 1_000 });
  return { profile: "beckn/1", action, authorization, body };
}
