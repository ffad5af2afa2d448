/** Successions that somebody disputes: two successors of one key, or one that the key had not promised. */

import { type Continuity, keyFromAgentId, peerIdFromKey } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";

export interface Dispute {
  /** PeerId of a node, agent_id of an agent. */
  readonly subject: string;
  readonly text: string;
}

export interface DisputesOptions {
  readonly clock: Clock;
  /** A fork is over when the ban of its signer is, by time or by hand. */
  readonly isBanned: (subject: string) => boolean;
  /** Those about peers this node relies on are kept when there are too many. */
  readonly isRelied: (subject: string) => boolean;
}

interface Seen extends Dispute {
  /** Who is banned for it; undefined for a successor that was refused. */
  readonly banned: string | undefined;
  readonly atMs: number;
}

/** A successor that was not promised is told of for so long after it was last met. */
const REFUSED_MS = 86_400_000;
const KEPT = 256;

export class Disputes {
  readonly #options: DisputesOptions;
  /** By agent_id of the old key. */
  readonly #seen = new Map<string, Seen>();

  constructor(options: DisputesOptions) {
    this.#options = options;
  }

  /** Two successors were met. */
  forked(first: Continuity, by: { readonly rival: Continuity; readonly banned: string }): void {
    const [one, two] = [first, by.rival].map(({ subject, new_id: newId }) => nameOf(subject, newId));
    this.#note(first, { text: `two successors were signed, ${one} and ${two}`, banned: by.banned });
  }

  /** A successor was met that its key had not promised. */
  refused(handover: Continuity): void {
    if (this.#seen.get(handover.old_id)?.banned !== undefined) return;
    const text = `${nameOf(handover.subject, handover.new_id)} claims to follow and is not the key that was promised`;
    this.#note(handover, { text, banned: undefined });
  }

  /** The key that was promised has come. */
  settled(oldId: string): void {
    const seen = this.#seen.get(oldId);
    if (seen !== undefined && seen.banned === undefined) this.#seen.delete(oldId);
  }

  list(): readonly Dispute[] {
    const { clock, isBanned } = this.#options;
    const nowMs = clock.nowMs();
    for (const [oldId, { banned, atMs }] of this.#seen) {
      const over = banned === undefined ? nowMs - atMs > REFUSED_MS : !isBanned(banned);
      if (over) this.#seen.delete(oldId);
    }
    return [...this.#seen.values()].map(({ subject, text }) => ({ subject, text }));
  }

  #note({ old_id: oldId, subject }: Continuity, what: Pick<Seen, "text" | "banned">): void {
    const { clock, isRelied } = this.#options;
    this.#seen.delete(oldId);
    this.#seen.set(oldId, { subject: nameOf(subject, oldId), ...what, atMs: clock.nowMs() });
    if (this.#seen.size <= KEPT) return;
    const seen = [...this.#seen];
    const [least] = seen.find(([, dispute]) => !isRelied(dispute.subject)) ?? seen[0] ?? [];
    if (least !== undefined) this.#seen.delete(least);
  }
}

function nameOf(subject: "node" | "agent", agentId: string): string {
  return subject === "node" ? peerIdFromKey(keyFromAgentId(agentId)) : agentId;
}
