/** Merkle trees as RFC 6962 has them; over sorted keys two neighbours prove that nothing is between them. */

import { concatBytes, toHex } from "./bytes.ts";
import { sha256 } from "./hash.ts";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The way from a leaf to the root; hashes in hex, from the leaf's sibling up. */
export interface InclusionProof {
  readonly index: number;
  readonly path: readonly string[];
}

/** Root of the tree over these leaves, hex. */
export function merkleRoot(leaves: readonly Uint8Array[]): string {
  return toHex(rootOf(leaves.map(leafHash)));
}

/** The proof of the leaf at `index`. */
export function proveInclusion(leaves: readonly Uint8Array[], index: number): InclusionProof {
  return { index, path: pathOf(leaves.map(leafHash), index).map(toHex) };
}

/** Whether a tree of `size` leaves with this root holds the leaf at that place. */
export function isIncluded(
  leaf: Uint8Array,
  { index, path }: InclusionProof,
  tree: { readonly root: string; readonly size: number },
): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= tree.size) return false;
  let hash = leafHash(leaf);
  let place = index;
  let last = tree.size - 1;
  for (const step of path) {
    const sibling = hashFromHex(step);
    if (sibling === undefined || last === 0) return false;
    if (place % 2 === 1 || place === last) {
      hash = nodeHash(sibling, hash);
      // A node without a sibling goes up as it is.
      while (place % 2 === 0 && place !== 0) {
        place = Math.floor(place / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && toHex(hash) === tree.root;
}

/** 32 bytes of lower-case hex; undefined for anything else. */
export function hashFromHex(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{64}$/.test(text)) return undefined;
  return Uint8Array.from({ length: 32 }, (_, place) =>
    Number.parseInt(text.slice(2 * place, 2 * place + 2), 16),
  );
}

function leafHash(leaf: Uint8Array): Uint8Array {
  return sha256(concatBytes(LEAF, leaf));
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes(NODE, left, right));
}

const EMPTY = new Uint8Array();

function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  const [only] = hashes;
  if (only === undefined) return sha256(EMPTY);
  if (hashes.length === 1) return only;
  const split = splitOf(hashes.length);
  return nodeHash(rootOf(hashes.slice(0, split)), rootOf(hashes.slice(split)));
}

function pathOf(hashes: readonly Uint8Array[], index: number): Uint8Array[] {
  if (hashes.length <= 1) return [];
  const split = splitOf(hashes.length);
  const [left, right] = [hashes.slice(0, split), hashes.slice(split)];
  return index < split
    ? [...pathOf(left, index), rootOf(right)]
    : [...pathOf(right, index - split), rootOf(left)];
}

/** The largest power of two below. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}
