/** Whom a channel is opened to: an address without a method. */

import { parseAddress, parseAgentReference, ProtocolError } from "@gridmesh/protocol";

export type Target =
  | { readonly kind: "agent"; readonly nodeId: string; readonly agent: string }
  | { readonly kind: "node"; readonly nodeId: string }
  | { readonly kind: "capability"; readonly capability: string };

/** Reads `agent1`, `local:agent1`, `<PeerId>:agent1`, `cap:<word>`, `node` or `<PeerId>:node`. @throws ADDRESS_INVALID. */
export function readTarget(reference: string): Target {
  if (reference === "node") return { kind: "node", nodeId: "local" };
  if (!reference.includes(":")) return { kind: "agent", ...parseAgentReference(reference) };
  const address = reference.includes("/") ? undefined : parseAddress(`${reference}/ping`);
  if (address === undefined || address.kind === "bare") {
    throw new ProtocolError("ADDRESS_INVALID", `"${reference.slice(0, 120)}" names no agent`);
  }
  const { method: _method, ...target } = address;
  return target;
}
