/** Successions that somebody disputes: two successors of one key, or one that the key had not promised. */

import { type Continuity, keyFromAgentId, peerIdFromKey } from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";

export interface Dispute {
  /** PeerId of a node, agent_id of an agent: what a ban names. */
  readonly subject: string;
  readonly text: string;
}

interface Seen extends Dispute {
  readonly forked: boolean;
  readonly atMs: number;
}

/** A successor that was not promised is told of for so long after it was last met. */
const REFUSED_MS = 86_400_000;
const KEPT = 256;

export class Disputes {
  readonly #clock: Clock;
  readonly #isBanned: (subject: string) => boolean;
  /** By agent_id of the old key. */
  readonly #seen = new Map<string, Seen>();

  /** @param isBanned - a fork is over when the ban of its signer is, by time or by hand */
  constructor(clock: Clock, isBanned: (subject: string) => boolean) {
    this.#clock = clock;
    this.#isBanned = isBanned;
  }

  /** Two successors were met; the subject. */
  forked(first: Continuity, rival: Continuity): string {
    const text = `two successors were signed, ${nameOf(first.subject, first.new_id)} and ${nameOf(rival.subject, rival.new_id)}`;
    return this.#note(first, { text, forked: true });
  }

  /** A successor was met that its key had not promised. */
  refused(handover: Continuity): void {
    if (this.#seen.get(handover.old_id)?.forked === true) return;
    const text = `${nameOf(handover.subject, handover.new_id)} claims to follow and is not the key that was promised`;
    this.#note(handover, { text, forked: false });
  }

  /** The key that was promised has come. */
  settled(oldId: string): void {
    if (this.#seen.get(oldId)?.forked === false) this.#seen.delete(oldId);
  }

  list(): readonly Dispute[] {
    const nowMs = this.#clock.nowMs();
    for (const [oldId, { forked, subject, atMs }] of this.#seen) {
      const over = forked ? !this.#isBanned(subject) : nowMs - atMs > REFUSED_MS;
      if (over) this.#seen.delete(oldId);
    }
    return [...this.#seen.values()].map(({ subject, text }) => ({ subject, text }));
  }

  #note(handover: Continuity, what: Pick<Seen, "text" | "forked">): string {
    const { old_id: oldId } = handover;
    const subject = nameOf(handover.subject, oldId);
    this.#seen.delete(oldId);
    this.#seen.set(oldId, { subject, ...what, atMs: this.#clock.nowMs() });
    const oldest = this.#seen.keys().next();
    if (this.#seen.size > KEPT && !oldest.done) this.#seen.delete(oldest.value);
    return subject;
  }
}

function nameOf(subject: "node" | "agent", agentId: string): string {
  return subject === "node" ? peerIdFromKey(keyFromAgentId(agentId)) : agentId;
}
