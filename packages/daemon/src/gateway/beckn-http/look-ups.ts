/** What a plain Beckn participant asks a registry: whose key is it, and who is there. */

import type { AgentNode } from "@gridmesh/node";
import { base58encode, parseBecknBody, selfCertifyingKey, toBase64 } from "@gridmesh/protocol";

const SELLS = "energy.sell";
/** Keys of the mesh have no end of their own; look-ups of them may be kept so long. */
const VALID_MS = 86_400_000;

/** The DeDi record of a subscriber whose name is its key; undefined for others, or under another key. */
export function dediRecord(node: AgentNode, subscriberId: string, keyId: string): object | undefined {
  const key = selfCertifyingKey(subscriberId);
  if (key === undefined || keyId !== base58encode(key)) return undefined;
  const now = new Date().toISOString();
  return {
    data: {
      record_id: subscriberId,
      details: {
        subscriber_id: subscriberId,
        url: urlOf(node, subscriberId),
        type: sells(node, subscriberId) ? "BPP" : "BAP",
        domain: "energy",
        signing_public_key: toBase64(key),
        encr_public_key: "",
        status: "SUBSCRIBED",
      },
      network_memberships: [`gridmesh/${node.networkName}`],
      created_at: now,
      updated_at: now,
    },
  };
}

/** The subscriptions that a version 1 look-up asks for. @throws MESSAGE_MALFORMED. */
export function subscriptions(node: AgentNode, body: Uint8Array): readonly object[] {
  const wanted = parseBecknBody(body) as { readonly subscriber_id?: unknown; readonly type?: unknown } | null;
  const known = node.registry.known().map(({ agentId }) => agentId);
  const ids = typeof wanted?.subscriber_id === "string" ? [wanted.subscriber_id] : known;
  const nowMs = Date.now();
  return ids.flatMap((id) => {
    const key = selfCertifyingKey(id);
    const type = sells(node, id) ? "BPP" : "BAP";
    if (key === undefined || (typeof wanted?.type === "string" && wanted.type !== type)) return [];
    return [
      {
        subscriber_id: id,
        url: urlOf(node, id),
        type,
        domain: "energy",
        key_id: base58encode(key),
        signing_public_key: toBase64(key),
        encr_public_key: "",
        valid_from: new Date(nowMs).toISOString(),
        valid_until: new Date(nowMs + VALID_MS).toISOString(),
        status: "SUBSCRIBED",
      },
    ];
  });
}

/** Where each that sells takes its messages. */
export function registryRows(node: AgentNode): readonly string[] {
  return node.registry
    .known()
    .filter(({ capabilities, presence }) => capabilities.includes(SELLS) && presence !== "gone")
    .map(({ nodeId, name }) => `libp2p://${nodeId}/${name}/bpp`);
}

function sells(node: AgentNode, agentId: string): boolean {
  return node.registry.byId(agentId)?.capabilities.includes(SELLS) ?? false;
}

function urlOf(node: AgentNode, agentId: string): string {
  const row = node.registry.byId(agentId);
  return row === undefined
    ? ""
    : `libp2p://${row.nodeId}/${row.name}/${sells(node, agentId) ? "bpp" : "bap"}`;
}
