/** What every message of others passes, wired: bans, rates, proofs. */

import { type Bans, createBans } from "./gate/admit.ts";
import { ipOf } from "./gate/addresses.ts";
import { createNonceMemory, type NonceMemory } from "./gate/fresh.ts";
import { createGossipGate, type GossipGate } from "./gate/gossip.ts";
import { createRateGate, type RateGate } from "./gate/rate-limit.ts";
import { createVerifier, type Verifier } from "./gate/verify.ts";
import type { Identity } from "./identity.ts";
import { type BindingBook, createBindingBook } from "./link/bindings.ts";
import { createMessageMeter, type MessageMeter } from "./message-meter.ts";
import type { NodeBase } from "./node-options.ts";
import type { StateStore } from "./store/types.ts";

export interface GateRoom {
  readonly bans: Bans;
  readonly rates: RateGate;
  /** Nonces of proven messages; those of gossip are the same. */
  readonly nonces: NonceMemory;
  /** What every topic's validator climbs. */
  readonly gossip: GossipGate;
  readonly bindings: BindingBook;
  readonly verifier: Verifier;
  readonly meter: MessageMeter;
}

export interface GateHooks {
  readonly identity: Identity;
  readonly store: StateStore;
  readonly onFatal: (error: unknown) => void;
}

/** Bans are read here, before there is any listener. */
export function openGate(base: NodeBase, hooks: GateHooks, undo: AsyncDisposableStack): GateRoom {
  const { choice, network, clock, log, engine } = base;
  const { store, onFatal, identity } = hooks;
  const { peerId, signer } = identity;
  const chosenIps = new Set([...choice.bootstrap, ...(base.links.static ?? [])].map(ipOf));
  const bans = createBans(store, clock, { onFatal, isChosen: (ip) => chosenIps.has(ip) });
  undo.defer(() => bans.close());
  const nonces = createNonceMemory(store, clock, onFatal);
  undo.defer(() => nonces.close());
  const rates = createRateGate(clock, base.messageRates);
  const meter = createMessageMeter(base.metrics);
  const gossip = createGossipGate({
    clock,
    log: log.child("gossip"),
    bans,
    load: (priority) => rates.load(priority),
    onVerdict: (bytes, code) =>
      code === undefined ? meter.accepted("gossip", bytes) : meter.refused("gossip", bytes, code),
  });
  const bindings = createBindingBook({ network, peerId, clock });
  const isMine = (id: string) => id === peerId || id === signer.agentId || bindings.has(id);
  const verifier = createVerifier({ network, engine, clock, nonces, isMine });
  return { bans, rates, nonces, gossip, bindings, verifier, meter };
}
