/** Who supervises a slot: the same for everybody who knows the rules, and nobody's choice. */

import { concatBytes, encodeUtf8, sha256, toHex } from "@gridmesh/protocol";
import { compareIds } from "../order.ts";

/**
 * Supervisors by rank: the first clears in term 1, the second and third are deputies, and term t is the t-th's. By
 * highest random weight, so that one who leaves moves nobody else.
 */
export function rankSupervisors(
  supervisors: readonly string[],
  { network, slotId }: { readonly network: string; readonly slotId: string },
): string[] {
  const weightOf = (agentId: string): string =>
    toHex(sha256(concatBytes(encodeUtf8(`gridmesh/hrw/1\n${network}\n${slotId}\n`), encodeUtf8(agentId))));
  return [...new Set(supervisors)]
    .map((agentId) => ({ agentId, weight: weightOf(agentId) }))
    .sort((a, b) => compareIds(b.weight, a.weight))
    .map(({ agentId }) => agentId);
}
