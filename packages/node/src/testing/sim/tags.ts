/** Who signs in a simulation: mostly tags that name signer and content, now and then the real signatures. */

import { crc32 } from "node:zlib";
import type { Signer, VerifyEngine } from "@gridmesh/protocol";
import { nodeEngine } from "../../gate/engine.ts";
import { type Identity, identityFromSeed } from "../../identity.ts";
import { seededRandom } from "../seeded-random.ts";

export interface SimIdentity {
  readonly peerId: string;
  readonly signer: Signer;
}

const TAG_BYTES = 64;
const identities: Identity[] = [];

/** The same few keys in every seed: making them costs more than a simulation. */
export function identityAt(index: number, isReal: boolean): SimIdentity {
  for (let next = identities.length; next <= index; next += 1) {
    identities.push(identityFromSeed(seededRandom(`simulated agent ${next}`).bytes(32)));
  }
  const identity = identities[index];
  if (identity === undefined) throw new RangeError(`no identity ${index}`);
  const { peerId, signer } = identity;
  return isReal ? { peerId, signer } : { peerId, signer: tagSigner(signer) };
}

/** Accepts what the signers of this simulation make, and nothing else. */
export function engineFor(isReal: boolean): VerifyEngine {
  if (isReal) return nodeEngine();
  return (signature, message, publicKey) => Buffer.compare(signature, tagOf(message, publicKey)) === 0;
}

function tagSigner({ agentId, publicKey }: Signer): Signer {
  return { agentId, publicKey, sign: (bytes) => tagOf(bytes, publicKey) };
}

/** The key, and checksums over the message: nobody in a simulation looks for a second message with the same. */
function tagOf(message: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const tag = new Uint8Array(TAG_BYTES);
  tag.set(publicKey);
  const view = new DataView(tag.buffer);
  view.setUint32(32, crc32(message));
  view.setUint32(36, message.length);
  view.setUint32(40, crc32(message, crc32(publicKey)));
  return tag;
}
