/** One key of a home hands over to the next: signed by both, written down first, then carried out. */

import { join } from "node:path";
import { keyHash, ProtocolError, signContinuity } from "@gridmesh/protocol";
import { type Random, systemRandom } from "./clock.ts";
import {
  agentIdentity,
  type Identity,
  keyFiles,
  keyLock,
  type KeyLock,
  loadIdentity,
  makeKey,
  readKey,
} from "./identity.ts";
import {
  finishHandover,
  type Handover,
  handoverTo,
  hashOfKeyIn,
  type OwnChain,
  readChain,
  writeChain,
} from "./identity-chain.ts";
import { exists, replace, unreadable } from "./identity-files.ts";
import { openStateStore } from "./store/sqlite.ts";
import type { StateStore } from "./store/types.ts";
import { folderDisk, openWork } from "./trade/index.ts";

export interface RotateOptions {
  readonly home: string;
  /** The network's name: what is signed counts in it alone. */
  readonly network: string;
  /** Wall ms. */
  readonly nowMs: number;
  /** Default `routine`; `compromise` when the old key may be in other hands. */
  readonly reason?: "routine" | "compromise" | undefined;
  /** The agent whose key is meant; absent: the node's. */
  readonly agent?: string | undefined;
  /** The node's next key, where it was kept outside the home. */
  readonly nextFile?: string | undefined;
  /** Of the keys of the home, and of `nextFile`. */
  readonly lock?: KeyLock | undefined;
  readonly random?: Random | undefined;
}

export interface Rotated {
  readonly oldId: string;
  readonly newId: string;
  /** Of the node: a new key is a new PeerId. */
  readonly oldPeerId: string;
  readonly newPeerId: string;
  readonly seq: number;
  /** Of the key that will follow the new one; agents announce none. */
  readonly nextKeyHash: string | undefined;
}

/**
 * Hands a key of a home over to its next one; no daemon may run there.
 * @throws ALREADY_RUNNING, ORDER_STATE (an order or statement is open), AGENT_NOT_FOUND, IDENTITY_UNREADABLE,
 * IDENTITY_MISMATCH (not the key that was announced), JOURNAL_DAMAGED, DISK_FAILED.
 */
export async function rotateKey(options: RotateOptions): Promise<Rotated> {
  const { home, agent } = options;
  const by = { lock: options.lock ?? keyLock(undefined), random: options.random ?? systemRandom() };
  const node = await loadIdentity(home, by);
  // Held until the end: it is the lock of the home.
  const store = openStateStore(home);
  try {
    await checkIdle(home);
    const chain = (await readChain(home)) ?? { nextKeyHash: undefined, handovers: [] };
    if (agent === undefined) return await rotateNode(options, { node, chain, ...by });
    return await rotateAgent({ ...options, agent }, { store, chain, ...by });
  } finally {
    store.close();
  }
}

interface By {
  readonly lock: KeyLock;
  readonly random: Random;
}

async function checkIdle(home: string): Promise<void> {
  const path = join(home, "journal");
  if (!(await exists(path))) return;
  const { orders, statements } = await openWork(folderDisk(path));
  if (orders + statements === 0) return;
  throw new ProtocolError(
    "ORDER_STATE",
    `${orders} orders and ${statements} statements are open under the present key; let them end first`,
  );
}

async function rotateNode(
  options: RotateOptions,
  { node, chain, lock, random }: By & { readonly node: Identity; readonly chain: OwnChain },
): Promise<Rotated> {
  const files = keyFiles(options.home);
  const next = await nextOf(options, { chain, lock, random });
  if (next.signer.agentId === node.signer.agentId) {
    throw new ProtocolError("IDENTITY_MISMATCH", "this is the key that is in use now");
  }
  if (!(await exists(files.after))) await makeKey(files.after, { lock, random });
  const nextKeyHash = await hashOfKeyIn(files.after);
  const subject = { subject: "node", from: node, to: next, nextKeyHash } as const;
  const { handover, seq } = signed(options, { chain, random, ...subject });
  const written = { nextKeyHash, handovers: [...chain.handovers, handover] };
  await writeChain(options.home, written, random);
  await finishHandover(written, files);
  return told(subject, seq);
}

/** The node's next key, now in its place in the home. */
async function nextOf(
  { home, nextFile }: RotateOptions,
  { chain, lock, random }: By & { readonly chain: OwnChain },
): Promise<Identity> {
  const { next } = keyFiles(home);
  if (nextFile !== undefined) {
    const brought = await readKey(nextFile, lock);
    checkAnnounced(brought, chain);
    // Sealed, or not, as the keys of this home are.
    await replace(next, await lock.write(brought, random), random);
    return brought;
  }
  if (!(await exists(next))) {
    if (chain.nextKeyHash === undefined) return makeKey(next, { lock, random });
    throw unreadable(next, "is not here, and only that key may follow; bring it with --next <file>");
  }
  const kept = await readKey(next, lock);
  checkAnnounced(kept, chain);
  return kept;
}

/** Whoever saw the announcement follows no other key. */
function checkAnnounced({ signer }: Identity, { nextKeyHash }: OwnChain): void {
  if (nextKeyHash === undefined || keyHash(signer.publicKey) === nextKeyHash) return;
  throw new ProtocolError("IDENTITY_MISMATCH", `${signer.agentId} is not the key that was announced`);
}

async function rotateAgent(
  options: RotateOptions & { readonly agent: string },
  { store, chain, lock, random }: By & { readonly store: StateStore; readonly chain: OwnChain },
): Promise<Rotated> {
  const { home, agent: name } = options;
  const files = keyFiles(home);
  const [key, next] = [files.agent(name), files.agentNext(name)];
  if (!(await exists(key))) throw new ProtocolError("AGENT_NOT_FOUND", `no agent ${name} has a key here`);
  const from = await agentIdentity({ home, name, mayCreate: false, lock });
  const to = (await exists(next)) ? await readKey(next, lock) : await makeKey(next, { lock, random });
  const subject = { subject: "agent", from, to, nextKeyHash: undefined } as const;
  const { handover, seq } = signed(options, { chain, random, ...subject });
  const written = { ...chain, handovers: [...chain.handovers, handover] };
  await writeChain(home, written, random);
  await finishHandover(written, { key, next });
  store.rememberAgent(name, to.signer.agentId);
  return told(subject, seq);
}

interface Subject {
  readonly subject: "node" | "agent";
  readonly from: Identity;
  readonly to: Identity;
  readonly nextKeyHash: string | undefined;
}

function signed(
  { network, reason = "routine", nowMs }: RotateOptions,
  by: Subject & { readonly chain: OwnChain; readonly random: Random },
): { readonly handover: Handover; readonly seq: number } {
  const { subject, from, to, nextKeyHash, random } = by;
  const seq = (handoverTo(by.chain, from.signer.agentId)?.seq ?? 0) + 1;
  const nowS = Math.floor(nowMs / 1_000);
  const keys = { oldSigner: from.signer, newSigner: to.signer };
  const terms = { network, subject, reason, seq, nowS, notBeforeS: nowS, nextKeyHash, random };
  return { handover: signContinuity({ ...terms, ...keys }) as unknown as Handover, seq };
}

function told({ from, to, nextKeyHash }: Subject, seq: number): Rotated {
  return {
    oldId: from.signer.agentId,
    newId: to.signer.agentId,
    oldPeerId: from.peerId,
    newPeerId: to.peerId,
    seq,
    nextKeyHash,
  };
}
