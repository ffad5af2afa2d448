/** Who was caught is told to all peers, and whoever the operator trusts is believed. */

import { createHash } from "node:crypto";
import { CID } from "multiformats/cid";
import { create as createDigest } from "multiformats/hashes/digest";
import { agentIdFromPeerId, type SecurityAlert, shippedExtensions, type Signer } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { Bans } from "../gate/admit.ts";
import type { Log } from "../log.ts";
import type { LinkExchange } from "./exchange.ts";
import type { Extensions } from "./extensions.ts";
import { createPerPeer } from "./per-peer.ts";

export interface AlertOptions {
  readonly exchange: LinkExchange;
  readonly extensions: Extensions;
  readonly bans: Bans;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Log;
  readonly isTrusted: (agentId: string) => boolean;
}

/** A ban that only this node's own evidence led to is worth telling. */
const OWN = "node";
const RAW = 0x55;
const SHA2_256 = 0x12;
const SEND_MS = 5_000;
const LONGEST_MS = 30 * 86_400_000;

/** Tells of each signer of two contents, and bans whom a trusted node tells of. */
export function startAlerts(options: AlertOptions): Disposable {
  const { bans, extensions, clock, log, isTrusted } = options;
  const stack = new DisposableStack();
  // Each is told to every peer: without a bound two messages would become hundreds.
  const told = createPerPeer(clock, { count: nodeLimits.alertsTold, withinMs: 60_000 });
  stack.use(
    bans.onChange((subject, ban, evidence) => {
      if (ban?.code !== "EQUIVOCATION" || ban.by !== OWN || evidence === undefined) return;
      if (!told.tryTake(OWN)) return log.debug("security.untold", `too many to tell of ${subject}`);
      const until = Math.floor(ban.untilMs / 1_000);
      void tellAll(options, { kind: "EQUIVOCATION", subject, until, evidence_cid: cidOf(evidence) });
    }),
  );
  stack.use(
    extensions.register({
      ...shippedExtensions.securityAlert,
      handler({ data, signerId, peerId }) {
        const { kind, subject, until } = data;
        const isBelieved = isTrusted(signerId);
        const facts = { peer: peerId, agentId: signerId };
        // Anybody can say anything of anybody.
        log[isBelieved ? "warn" : "debug"]("security.alert", `${kind} of ${subject}`, facts);
        const forMs = Math.min(until * 1_000 - clock.nowMs(), LONGEST_MS);
        if (!isBelieved || forMs <= 0 || bans.banned(subject)) return;
        bans.ban(subject, "EQUIVOCATION", { forMs, by: signerId });
      },
    }),
  );
  return stack;
}

async function tellAll(options: AlertOptions, alert: SecurityAlert): Promise<void> {
  const { exchange, signer, log } = options;
  const greeted = exchange.sessions().filter(({ agreement }) => agreement !== undefined);
  const told = greeted.map(async ({ peerId }) => {
    const draft = {
      type: shippedExtensions.securityAlert.name,
      recipient_id: peerId,
      extension_version: "1.0",
      data: alert,
      optional: true,
    };
    await exchange.tell(peerId, "control", draft, { signer, timeoutMs: SEND_MS });
  });
  for (const outcome of await Promise.allSettled(told)) {
    if (outcome.status === "rejected") log.debug("security.untold", String(outcome.reason));
  }
}

/** Content address of the proof: CIDv1, raw, sha2-256. */
function cidOf(bytes: Uint8Array): string {
  const digest = createHash("sha256").update(bytes).digest();
  return CID.createV1(RAW, createDigest(SHA2_256, digest)).toString();
}

/** A list of agent_ids and PeerIds as a test of signers. */
export function trusting(ids: readonly string[]): (agentId: string) => boolean {
  const trusted = new Set(ids.map((id) => (id.startsWith("ed25519:") ? id : agentIdFromPeerId(id))));
  return (agentId) => trusted.has(agentId);
}
