/** What an owner lets an agent do on the market, signed by the owner's key: more than that, nothing is signed for it. */

import * as z from "zod";
import { signDocument, verifyDocument } from "../document.ts";
import { ProtocolError } from "../errors.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import { MAX_MICRO } from "../quantity.ts";
import { present } from "./present.ts";
import type { Signer } from "../signer.ts";
import type { VerifyEngine } from "../strict-verify.ts";

const TYPE = "beckn_mandate";
const agentId = z.string().min(1).max(128);

/** What a buyer says; publishing is a seller's. */
const mandateActions = [
  "search",
  "select",
  "init",
  "confirm",
  "status",
  "update",
  "cancel",
  "rating",
  "support",
  "track",
] as const;

const schema = z.strictObject({
  type: z.literal(TYPE),
  version: z.literal("1.0"),
  /** agent_id of whom it is for. */
  agent: agentId,
  /** agent_id form of the owner's key. */
  owner: agentId,
  /** Absent: search alone. */
  allowedActions: z.array(z.enum(mandateActions)).max(mandateActions.length).optional(),
  /** As `gridmesh/<network>`; absent: any. */
  allowedNetworks: z.array(z.string().min(1).max(256)).max(64).optional(),
  /** Of a confirm: it is sent, waits for the owner's word, or is never sent. */
  irreversibleActionPolicy: z.enum(["allow", "escalate", "deny"]),
  /** Of one order, micro-currency. */
  maxTransactionValueMicro: z.int().min(0).max(MAX_MICRO).optional(),
  /** Of all orders ever made that were not released, micro-currency. */
  maxCumulativeValueMicro: z.int().min(0).max(MAX_MICRO).optional(),
  /** Wall ms. */
  expiresAtMs: z.int().min(0),
  signature: z.string().length(88),
});

export type BecknMandate = Readonly<z.infer<typeof schema>>;
export type MandateTerms = Omit<BecknMandate, "type" | "version" | "owner" | "signature">;

/** The terms as their owner signs them, for one network. */
export function signMandate(
  terms: MandateTerms,
  signing: { readonly network: string; readonly signer: Signer },
): BecknMandate {
  const fields = { ...present(terms), type: TYPE, version: "1.0", owner: signing.signer.agentId };
  return schema.parse(signDocument(fields as unknown as JsonObject, { type: TYPE, ...signing }));
}

/** @throws SCHEMA_INVALID, SIGNATURE_INVALID, IDENTITY_MISMATCH. */
export function readMandate(
  document: JsonValue,
  check: { readonly network: string; readonly engine: VerifyEngine },
): BecknMandate {
  const read = schema.safeParse(document);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new ProtocolError(
      "SCHEMA_INVALID",
      `mandate: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
    );
  }
  verifyDocument(document as JsonObject, { type: TYPE, ...check, signerField: "owner" });
  return read.data;
}
