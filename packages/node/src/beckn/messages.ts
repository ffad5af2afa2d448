/** Contexts and bodies of what this node says; one place knows who is who. */

import {
  type BecknAction,
  becknActions,
  type BecknContent,
  type BecknContext,
  becknV1,
  formatBecknUri,
  ProtocolError,
  uuidV7,
} from "@gridmesh/protocol";
import type { BecknPorts, LocalAgent } from "./ports.ts";

export function newId(ports: BecknPorts): string {
  return uuidV7(ports.clock.nowMs(), ports.random);
}

function ownUri(ports: BecknPorts, agent: LocalAgent, side: "bap" | "bpp"): string {
  return formatBecknUri({ peerId: ports.peerId, agent: agent.name, side });
}

/** A request of `buyer`; without `seller` it asks everybody. */
export function requestContext(
  ports: BecknPorts,
  buyer: LocalAgent,
  about: {
    readonly action: BecknAction;
    readonly transactionId: string;
    readonly messageId: string;
    readonly seller?: { readonly agentId: string; readonly uri: string } | undefined;
  },
): BecknContext {
  return {
    domain: ports.domain,
    action: about.action,
    version: "",
    bapId: buyer.agentId,
    bapUri: ownUri(ports, buyer, "bap"),
    ...(about.seller ? { bppId: about.seller.agentId, bppUri: about.seller.uri } : {}),
    transactionId: about.transactionId,
    messageId: about.messageId,
    timestampMs: ports.clock.nowMs(),
    ttlMs: ttlOf(about.action),
  };
}

/** The callback of `seller` to a request, under the request's message_id or, for a push, a fresh one. */
export function callbackContext(
  ports: BecknPorts,
  seller: LocalAgent,
  about: {
    readonly action: BecknAction;
    readonly request: Pick<BecknContext, "bapId" | "bapUri" | "transactionId" | "messageId">;
  },
): BecknContext {
  const { request, action } = about;
  return {
    domain: ports.domain,
    action,
    version: "",
    bapId: request.bapId,
    bapUri: request.bapUri,
    bppId: seller.agentId,
    bppUri: ownUri(ports, seller, "bpp"),
    transactionId: request.transactionId,
    messageId: request.messageId,
    timestampMs: ports.clock.nowMs(),
    ttlMs: ttlOf(action),
  };
}

export function bodyOf(context: BecknContext, content: BecknContent): Uint8Array {
  return becknV1.encode({ context, content });
}

function ttlOf(action: BecknAction): number {
  const rule = becknActions.get(action);
  if (!rule) throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `action ${action}`);
  return rule.ttlMs;
}
