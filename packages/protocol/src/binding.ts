/** An agent's signed tie to the node it lives on. */

import { signDocument, verifyDocument } from "./document.ts";
import { ProtocolError } from "./errors.ts";
import { isJsonObject } from "./header.ts";
import type { JsonValue } from "./json.ts";
import { limits } from "./limits.ts";
import { type AgentBinding, agentBindingSchema } from "./messages/presence.ts";
import type { Signer } from "./signer.ts";
import type { VerifyEngine } from "./strict-verify.ts";

const TYPE = "agent_binding";

export interface BindingTerms {
  readonly network: string;
  readonly peerId: string;
  readonly name: string;
  /** Unix seconds; at most 90 days ahead, usually 7. */
  readonly notAfterS: number;
  /** The agent's key. */
  readonly signer: Signer;
}

export interface BindingCheck {
  readonly network: string;
  readonly engine: VerifyEngine;
  readonly nowS: number;
  /** agent_id that must be bound. */
  readonly agentId: string;
  /** PeerId it must be bound to; absent where no stream tells. */
  readonly peerId?: string | undefined;
}

export function signBinding(terms: BindingTerms): AgentBinding {
  const { network, signer } = terms;
  const fields = {
    agent_id: signer.agentId,
    peer_id: terms.peerId,
    name: terms.name,
    not_after: terms.notAfterS,
  };
  return signDocument(fields, { type: TYPE, network, signer });
}

/** @throws BINDING_INVALID (form, signature, other agent or peer, over 90 days), BINDING_EXPIRED. */
export function verifyBinding(value: JsonValue | undefined, check: BindingCheck): AgentBinding {
  const { agentId, network, engine, nowS } = check;
  const parsed = agentBindingSchema.safeParse(value);
  if (!parsed.success || !isJsonObject(value)) throw invalid(`${agentId} shows no binding`);
  const binding = parsed.data;
  if (binding.agent_id !== agentId) throw invalid(`the binding is of ${binding.agent_id}`);
  checkTerms(binding, check);
  if (binding.not_after > nowS + limits.bindingMaxS) throw invalid("the binding lasts too long");
  try {
    verifyDocument(value, { type: TYPE, network, engine, signerField: "agent_id" });
  } catch (cause) {
    throw invalid("the binding's signature does not hold", cause);
  }
  return binding;
}

/** What must hold at every use, also of a binding verified before. @throws BINDING_INVALID, BINDING_EXPIRED. */
export function checkTerms(
  binding: AgentBinding,
  at: { readonly nowS: number; readonly peerId?: string | undefined },
): void {
  if (at.peerId !== undefined && binding.peer_id !== at.peerId) {
    throw invalid(`bound to ${binding.peer_id}, not to ${at.peerId}`);
  }
  if (binding.not_after <= at.nowS) throw new ProtocolError("BINDING_EXPIRED", `since ${binding.not_after}`);
}

function invalid(why: string, cause?: unknown): ProtocolError {
  return new ProtocolError("BINDING_INVALID", why, { cause });
}
