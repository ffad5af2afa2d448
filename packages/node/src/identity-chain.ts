/**
 * `<home>/continuity.json`: every handover of this home's keys, and the hash of the key that comes next. Writing a
 * handover into it is the moment at which a key changes; whatever a crash leaves undone after that is done at the next start.
 */

import { join } from "node:path";
import { type JsonObject, keyFromAgentId, keyHash } from "@gridmesh/protocol";
import type { Random } from "./clock.ts";
import { exists, moveTo, readOwn, replace, unreadable } from "./identity-files.ts";
import { agentIdIn } from "./identity-key.ts";

/** A `key_continuity` message. */
export type Handover = JsonObject & {
  readonly subject: "node" | "agent";
  readonly old_id: string;
  readonly new_id: string;
  readonly seq: number;
};

export interface OwnChain {
  /** Of the key that follows the node's; undefined when none was announced. */
  readonly nextKeyHash: string | undefined;
  /** In order, those of the node and of its agents. */
  readonly handovers: readonly Handover[];
}

const FORMAT = "gridmesh-continuity";

/** Undefined in a home that has none yet. @throws IDENTITY_UNREADABLE. */
export async function readChain(home: string): Promise<OwnChain | undefined> {
  const path = chainPath(home);
  if (!(await exists(path))) return undefined;
  const text = await readOwn(path);
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw unreadable(path, "is damaged: no JSON", error);
  }
  const { format, version, nextKeyHash, handovers } = found ?? {};
  if (format !== FORMAT || version !== 1 || !Array.isArray(handovers) || !handovers.every(isHandover))
    throw unreadable(path, "has another format");
  return {
    nextKeyHash: typeof nextKeyHash === "string" ? nextKeyHash : undefined,
    handovers,
  };
}

function isHandover(value: unknown): value is Handover {
  const { subject, old_id, new_id, seq } = (value ?? {}) as Record<string, unknown>;
  const named = typeof old_id === "string" && typeof new_id === "string" && typeof seq === "number";
  return named && (subject === "node" || subject === "agent");
}

export async function writeChain(home: string, chain: OwnChain, random: Random): Promise<void> {
  const { nextKeyHash = null, handovers } = chain;
  const text = JSON.stringify({ format: FORMAT, version: 1, nextKeyHash, handovers }, undefined, 1);
  await replace(chainPath(home), `${text}\n`, random);
}

/** The handover that made this id, if one did. */
export function handoverTo(chain: OwnChain | undefined, agentId: string): Handover | undefined {
  return chain?.handovers.findLast((handover) => handover.new_id === agentId);
}

/** Every id whose key was handed over, in the end, to this one. */
export function formerIds(chain: OwnChain | undefined, agentId: string): readonly string[] {
  const former: string[] = [];
  let handover = handoverTo(chain, agentId);
  while (handover !== undefined && former.length <= (chain?.handovers.length ?? 0)) {
    former.push(handover.old_id);
    handover = handoverTo(chain, handover.old_id);
  }
  return former;
}

/** Ends a change of keys that was written down and not carried out: `next` becomes `key`, `after` becomes `next`. */
export async function finishHandover(
  chain: OwnChain | undefined,
  files: { readonly key: string; readonly next: string; readonly after?: string },
): Promise<void> {
  if (chain === undefined) return;
  const { key, next, after } = files;
  const nextId = await idOfKeyIn(next);
  const handover = nextId === undefined ? undefined : handoverTo(chain, nextId);
  // The old key goes: it could only sign a second successor, and then nobody would follow either.
  if (handover !== undefined && (await idOfKeyIn(key)) === handover.old_id) await moveTo(next, key);
  if (after === undefined || (await exists(next)) || !(await exists(after))) return;
  if ((await hashOfKeyIn(after)) === chain.nextKeyHash) await moveTo(after, next);
}

async function idOfKeyIn(path: string): Promise<string | undefined> {
  return (await exists(path)) ? agentIdIn(path, await readOwn(path)) : undefined;
}

/** Of the key in this file. @throws IDENTITY_UNREADABLE. */
export async function hashOfKeyIn(path: string): Promise<string> {
  return keyHash(keyFromAgentId(agentIdIn(path, await readOwn(path))));
}

function chainPath(home: string): string {
  return join(home, "continuity.json");
}
