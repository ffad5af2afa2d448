/** Proof that a key is not in a tree whose leaves are sorted by key: its two neighbours stand side by side. */

import { type InclusionProof, isIncluded, merkleRoot, proveInclusion } from "@gridmesh/protocol";

export interface Neighbour<Content> extends InclusionProof {
  readonly content: Content;
}

/** before: the last with a smaller key; after: the first with a larger one; absent at the ends. */
export interface AbsenceProof<Content> {
  readonly before?: Neighbour<Content>;
  readonly after?: Neighbour<Content>;
}

/** How content becomes a leaf, and what its key is. */
export interface LeafForm<Content> {
  readonly bytesOf: (content: Content) => Uint8Array | undefined;
  readonly keyOf: (content: Content) => string;
}

/** The proof that `key` is not among the contents, sorted by key; undefined when it is. */
export function proveAbsence<Content>(
  contents: readonly Content[],
  form: LeafForm<Content>,
  key: string,
): AbsenceProof<Content> | undefined {
  const at = contents.findIndex((content) => form.keyOf(content) >= key);
  const place = at === -1 ? contents.length : at;
  const [before, after] = [contents[place - 1], contents[place]];
  if (after !== undefined && form.keyOf(after) === key) return undefined;
  const leaves = contents.map((content) => form.bytesOf(content) ?? new Uint8Array());
  return {
    ...(before === undefined ? {} : { before: { content: before, ...proveInclusion(leaves, place - 1) } }),
    ...(after === undefined ? {} : { after: { content: after, ...proveInclusion(leaves, place) } }),
  };
}

/** Whether the tree holds nothing of that key between two neighbours, before its first or after its last leaf. */
export function isAbsent<Content>(
  key: string,
  { before, after }: AbsenceProof<Content>,
  tree: Tree<Content>,
): boolean {
  if (before === undefined && after === undefined) return tree.size === 0 && tree.root === merkleRoot([]);
  if (!stands(before, tree, (other) => other < key) || !stands(after, tree, (other) => other > key))
    return false;
  // Outside the tree stand −1 and its size.
  return (after?.index ?? tree.size) === (before?.index ?? -1) + 1;
}

interface Tree<Content> {
  readonly root: string;
  readonly size: number;
  readonly form: LeafForm<Content>;
}

/** In the tree and on its side of the key; what is left out says nothing. */
function stands<Content>(
  neighbour: Neighbour<Content> | undefined,
  tree: Tree<Content>,
  isOnSide: (key: string) => boolean,
): boolean {
  if (neighbour === undefined) return true;
  const bytes = tree.form.bytesOf(neighbour.content);
  return (
    bytes !== undefined && isOnSide(tree.form.keyOf(neighbour.content)) && isIncluded(bytes, neighbour, tree)
  );
}
