/** Two that open a control stream at once agree on one of them without a word. */

import { keyFromPeerId } from "@gridmesh/protocol";

/** Does the stream that the peer opened stay? It does when its PeerId is the smaller, byte by byte. */
export function theirsStays(ownId: string, peerId: string): boolean {
  return Buffer.compare(keyFromPeerId(peerId), keyFromPeerId(ownId)) < 0;
}
