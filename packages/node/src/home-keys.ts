/** The keys a node starts with: from its home, made there at first, or in memory. */

import { createHmac } from "node:crypto";
import {
  isProtocolError,
  keyFromAgentId,
  openContinuity,
  peerIdFromKey,
  ProtocolError,
} from "@gridmesh/protocol";
import {
  agentIdentity,
  createIdentity,
  hasIdentity,
  type Identity,
  identityFromSeed,
  keyLock,
  type KeyLock,
  loadIdentity,
  prepareSuccession,
} from "./identity.ts";
import { formerIds, type Handover, type OwnChain, readChain } from "./identity-chain.ts";
import type { NodeBase, NodeOptions } from "./node-options.ts";
import type { StateStore } from "./store/types.ts";

export interface HomeKeys {
  readonly identity: Identity;
  /** Hash of the key that alone may follow the node's. */
  readonly nextKeyHash: string | undefined;
  /** Handovers of this home's keys, oldest first, those that count in this network. */
  readonly handovers: readonly Handover[];
  /** PeerIds the node had before. */
  readonly formerPeerIds: readonly string[];
  /** By an agent's former id, the one its key was handed over to. */
  readonly successors: ReadonlyMap<string, string>;
  /** The key of an agent; made at its first start, and never replaced silently. @throws IDENTITY_UNREADABLE. */
  ofAgent(name: string, store: StateStore): Promise<Identity>;
}

/** @throws IDENTITY_UNREADABLE. */
export async function openKeys(options: NodeOptions, base: NodeBase): Promise<HomeKeys> {
  const { home, lock = keyLock(undefined) } = options;
  if (home === undefined) return keysInMemory(options, base);
  const by = { lock, random: base.random };
  const identity = (await hasIdentity(home)) ? await loadIdentity(home, by) : await createIdentity(home, by);
  // A home of an earlier release has announced nobody yet.
  await prepareSuccession(home, by);
  const chain = await readChain(home);
  const handovers = (chain?.handovers ?? []).filter((handover) => counts(handover, base));
  const agents = handovers.filter(({ subject }) => subject === "agent");
  return {
    identity,
    nextKeyHash: chain?.nextKeyHash,
    handovers,
    formerPeerIds: formerIds(chain, identity.signer.agentId).map((id) => peerIdFromKey(keyFromAgentId(id))),
    successors: new Map(agents.map(({ old_id, new_id }) => [old_id, new_id])),
    ofAgent: (name, store) => agentInHome({ home, name, store, chain, ...by }),
  };
}

/** What was signed in a network of another name is no handover in this one. */
function counts(handover: Handover, { network, engine, clock, log }: NodeBase): boolean {
  try {
    openContinuity(handover, { network, engine, nowS: Math.floor(clock.nowMs() / 1_000) });
    return true;
  } catch (error) {
    if (!isProtocolError(error)) throw error;
    log.warn("identity.handover", `continuity.json: ${error.message}`, { code: error.code });
    return false;
  }
}

interface InHome {
  readonly home: string;
  readonly name: string;
  readonly store: StateStore;
  readonly chain: OwnChain | undefined;
  readonly lock: KeyLock;
  readonly random: NodeBase["random"];
}

async function agentInHome({ home, name, store, chain, ...by }: InHome): Promise<Identity> {
  const known = store.agentId(name);
  const identity = await agentIdentity({ home, name, mayCreate: known === undefined, ...by });
  const { agentId } = identity.signer;
  if (known !== undefined && known !== agentId && !formerIds(chain, agentId).includes(known)) {
    throw new ProtocolError(
      "IDENTITY_UNREADABLE",
      `the key of agent ${name} is not the one it lived here with; put agents/${name}.key of this home back`,
    );
  }
  store.rememberAgent(name, agentId);
  return identity;
}

/** Without a home an agent's key follows from the node's, so that the same seed gives the same agents. */
function keysInMemory({ seed }: NodeOptions, { random }: NodeBase): HomeKeys {
  const fresh = () => identityFromSeed(random.bytes(32));
  const agents = new Map<string, Identity>();
  return {
    identity: seed === undefined ? fresh() : identityFromSeed(seed),
    nextKeyHash: undefined,
    handovers: [],
    formerPeerIds: [],
    successors: new Map(),
    ofAgent(name) {
      const known = agents.get(name);
      const made =
        seed === undefined
          ? fresh()
          : identityFromSeed(createHmac("sha256", seed).update(`gridmesh agent ${name}`).digest());
      const identity = known ?? made;
      agents.set(name, identity);
      return Promise.resolve(identity);
    },
  };
}
