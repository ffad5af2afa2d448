/** Form, signature, freshness: the climb of one signed message that came from a peer. */

import {
  type AgentBinding,
  type JsonValue,
  type OpenedMessage,
  openMessage,
  type VerifyEngine,
} from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { NonceMemory } from "./fresh.ts";

export interface Verifier {
  /**
   * Proves a message of this peer and remembers its nonce; a published record has none to remember.
   * @throws the codes of `openMessage`.
   */
  open(
    value: JsonValue,
    from: { readonly peerId: string; readonly version?: string | undefined },
  ): OpenedMessage;
  /** Proves who signed a message, whenever that was; nothing is remembered. @throws as `open`. */
  prove(value: JsonValue, peerId: string): OpenedMessage;
  /** Forgets the bindings shown on this peer's connection. */
  forget(peerId: string): void;
}

export interface VerifierOptions {
  readonly network: string;
  readonly engine: VerifyEngine;
  readonly clock: Clock;
  readonly nonces: NonceMemory;
  /** Is this agent_id or PeerId one of this node's? */
  readonly isMine: (recipientId: string) => boolean;
}

/** More than a node has links: who showed none for longest is asked for them again. */
const PEERS_KEPT = 1_024;

/** An agent's record goes to every peer as it was signed, again after each hello: its seq tells new from old. */
const isPublished = (type: string) => type === "capability_advertisement";

export function createVerifier(options: VerifierOptions): Verifier {
  const { network, engine, clock, nonces, isMine } = options;
  const bindings = new Map<string, Map<string, AgentBinding>>();
  const remember = (peerId: string, binding: AgentBinding) => {
    const known = bindings.get(peerId) ?? new Map<string, AgentBinding>();
    bindings.delete(peerId);
    const silent = bindings.keys().next();
    if (bindings.size >= PEERS_KEPT && !silent.done) bindings.delete(silent.value);
    bindings.set(peerId, known);
    known.delete(binding.agent_id);
    known.set(binding.agent_id, binding);
    const oldest = known.keys().next();
    if (known.size > nodeLimits.bindingsPerLink && !oldest.done) known.delete(oldest.value);
  };
  const nowS = () => Math.floor(clock.nowMs() / 1000);
  return {
    prove: (value, peerId) =>
      openMessage(value, { network, engine, nowS: nowS(), isMine, peerId, live: false }),
    open(value, { peerId, version }) {
      const opened = openMessage(value, {
        network,
        engine,
        nowS: nowS(),
        isMine,
        isPublished,
        peerId,
        version,
        extensions: true,
        nonceSeen: (signerId, nonce) => nonces.seen(signerId, nonce),
        bindingFor: (agentId) => bindings.get(peerId)?.get(agentId),
      });
      if (opened.isLive) nonces.add(opened.signerId, opened.nonce);
      if (opened.binding !== undefined) remember(peerId, opened.binding);
      return opened;
    },
    forget: (peerId) => void bindings.delete(peerId),
  };
}
