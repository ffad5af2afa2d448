import { isProtocolError } from "@gridmesh/protocol";
import { classOf, type PeerEntry } from "./peer-table.ts";
import { tagOf } from "./pruner.ts";
import type { PeerView } from "./supervisor-types.ts";
import type { Link } from "./transport.ts";

/** A peer as the operator sees it. */
export function view(entry: PeerEntry, link: Link | undefined, nowMs: number): PeerView {
  return {
    peerId: entry.peerId,
    addresses: entry.addresses,
    peerClass: classOf(entry),
    tag: tagOf(entry, link, nowMs),
    state: entry.state,
    source: entry.source,
    fails: entry.fails,
    attempts: entry.attempts,
    nextDialMs: entry.dueMs,
    link,
  };
}

/** Address by address, why a dial failed. */
export function attemptsOf(error: unknown): PeerEntry["attempts"] {
  const told = isProtocolError(error) ? error.data?.["attempts"] : undefined;
  return Array.isArray(told) ? (told as PeerEntry["attempts"]) : [];
}
