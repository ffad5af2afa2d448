/** Contexts and bodies of what this node says; one place knows who is who. */

import {
  type BecknAction,
  becknActions,
  type BecknContent,
  type BecknContext,
  type BecknProfile,
  type BecknWire,
  becknWire,
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
    ...sharedContext(ports, about.action),
    action: about.action,
    bapId: buyer.agentId,
    bapUri: ownUri(ports, buyer, "bap"),
    ...(about.seller ? { bppId: about.seller.agentId, bppUri: about.seller.uri } : {}),
    transactionId: about.transactionId,
    messageId: about.messageId,
  };
}

/** What is the same whoever speaks to whom. */
function sharedContext(ports: BecknPorts, action: BecknAction) {
  const networkId = networkIdOf(ports);
  return {
    domain: ports.domain,
    version: "",
    networkId,
    timestampMs: ports.clock.nowMs(),
    ttlMs: ttlOf(action),
  };
}

/** What revision 2 calls our network. */
export function networkIdOf(ports: Pick<BecknPorts, "network">): string {
  return `gridmesh/${ports.network}`;
}

/**
 * The callback of `seller` to a request, under the request's message_id or, for a push, a fresh one.
 * @param about.digest - of the request's body; a push has none
 */
export function callbackContext(
  ports: BecknPorts,
  seller: LocalAgent,
  about: {
    readonly action: BecknAction;
    readonly request: Pick<BecknContext, "bapId" | "bapUri" | "transactionId" | "messageId" | "preview">;
    readonly digest?: string | undefined;
  },
): BecknContext {
  const { request, action, digest } = about;
  return {
    ...sharedContext(ports, action),
    action,
    bapId: request.bapId,
    bapUri: request.bapUri,
    bppId: seller.agentId,
    bppUri: ownUri(ports, seller, "bpp"),
    transactionId: request.transactionId,
    messageId: request.messageId,
    ...(digest === undefined ? {} : { requestDigest: digest }),
    ...(request.preview === undefined ? {} : { preview: request.preview }),
  };
}

export function bodyOf(profile: BecknProfile, context: BecknContext, content: BecknContent): Uint8Array {
  return wireOf(profile).encode({ context, content });
}

/** @throws BECKN_DOMAIN_UNSUPPORTED for a revision that has no wire here. */
export function wireOf(profile: string): BecknWire {
  const wire = becknWire(profile);
  if (wire !== undefined) return wire;
  throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `${profile} is not spoken`, {
    data: { beckn: "CTX_VERSION_UNSUPPORTED" },
  });
}

function ttlOf(action: BecknAction): number {
  const rule = becknActions.get(action);
  if (!rule) throw new ProtocolError("BECKN_DOMAIN_UNSUPPORTED", `action ${action}`);
  return rule.ttlMs;
}
