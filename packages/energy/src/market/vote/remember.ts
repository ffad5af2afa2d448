/** Signatures that held before: certificates show the same votes again and again. */

import { canonicalize } from "@gridmesh/protocol";
import type { VerifyAuction } from "../proof/documents.ts";

/**
 * Verifies each document once while at most `most` are remembered; one that did not hold is tried anew.
 */
export function rememberVerified(verify: VerifyAuction, most: number): VerifyAuction {
  const held = new Set<string>();
  return (type, document) => {
    const key = `${type} ${canonicalize(document)}`;
    if (held.has(key)) return true;
    if (!verify(type, document)) return false;
    // All at once: what is still said is soon there again.
    if (held.size >= most) held.clear();
    held.add(key);
    return true;
  };
}
