/** Beckn messages as they travelled, kept for whoever must prove them later: written in batches, beside the work. */

import {
  becknV1,
  becknWire,
  decodeReplyHeader,
  decodeRequestHeader,
  parseBecknBody,
} from "@gridmesh/protocol";
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { StateStore, StoredFrame } from "../store/types.ts";
import type { Frame } from "./carrier.ts";
import type { Verified } from "./inbound.ts";

const KEPT_MS = 90 * 86_400_000;
/** Some hundred thousand trades; of more the oldest are forgotten. */
const MAX_KEPT = 1_000_000;
/** Others choose how long their messages are. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024 * 1024;
const FLUSH_MS = 500;
/** More than a disk takes in that time: the newest are not kept, and that is told. */
const MAX_WAITING = 2_000;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;

export interface FrameLog {
  note(frame: Omit<StoredFrame, "transactionId" | "atMs">): void;
  /** Of one transaction, oldest first. */
  of(transactionId: string): readonly StoredFrame[];
  stop(): void;
}

export interface FrameLogParts {
  readonly store: Pick<StateStore, "frames" | "saveFrames">;
  readonly clock: Clock;
  readonly log: Log;
}

export function createFrameLog({ store, clock, log }: FrameLogParts): FrameLog {
  let waiting: Omit<StoredFrame, "transactionId">[] = [];
  let waitingBytes = 0;
  let dropped = 0;
  let timer: Disposable | undefined;

  const flush = () => {
    timer?.[Symbol.dispose]();
    timer = undefined;
    const batch = waiting.flatMap((frame) => {
      const transactionId = transactionOf(frame.body);
      return transactionId === undefined ? [] : [{ ...frame, transactionId }];
    });
    waiting = [];
    waitingBytes = 0;
    if (dropped > 0) log.warn("beckn.frames", `${dropped} messages were not kept: the disk is too slow`);
    dropped = 0;
    if (batch.length === 0) return;
    try {
      const sinceMs = clock.nowMs() - KEPT_MS;
      store.saveFrames(batch, { sinceMs, max: MAX_KEPT, maxBytes: MAX_KEPT_BYTES });
    } catch (error) {
      // What binds is in the journal, whose failure ends the node.
      log.warn("beckn.frames", `${batch.length} messages were not kept: ${String(error)}`);
    }
  };

  return {
    note(frame) {
      const bytes = frame.body.length + (frame.reply?.body.length ?? 0);
      if (waiting.length >= MAX_WAITING || waitingBytes + bytes > MAX_WAITING_BYTES) {
        dropped += 1;
        return;
      }
      waitingBytes += bytes;
      waiting.push({ ...frame, atMs: clock.nowMs() });
      timer ??= clock.timer(FLUSH_MS, flush);
    },
    of(transactionId) {
      flush();
      return store.frames(transactionId);
    },
    stop: flush,
  };
}

/** The moments at which a message is worth keeping. */
export interface Kept {
  /** By this node, over a stream. */
  readonly sent: (peerId: string, request: Frame, reply: Frame) => void;
  /** Over a stream, and taken. */
  readonly arrived: (peerId: string, request: Frame, reply: Frame) => void;
  /** A search of an own agent. */
  readonly published: (search: Frame) => void;
  /** A search of another's that an own agent answered. */
  readonly heard: (search: Verified, from: string) => void;
}

export function keptIn(log: FrameLog, peerId: string): Kept {
  const note = (
    direction: "in" | "out",
    peer: string,
    frames: { request: Frame; reply: Frame | undefined },
  ) =>
    log.note({
      direction,
      carrier: frames.reply === undefined ? "gossip" : "stream",
      peerId: peer,
      ...frames.request,
      reply: frames.reply,
    });
  return {
    sent: (to, request, reply) => note("out", to, { request, reply }),
    arrived(from, request, reply) {
      // What was refused binds nobody, and anybody could send it; a search is kept once it is somebody's business.
      if (isTaken(reply) && !isSearch(request)) note("in", from, { request, reply });
    },
    published: (request) => note("out", peerId, { request, reply: undefined }),
    heard({ headerBytes, body }, from) {
      // One of an own agent was kept when it was published.
      if (from !== peerId) note("in", from, { request: { header: headerBytes, body }, reply: undefined });
    },
  };
}

function isSearch(request: Frame): boolean {
  const { profile, path } = decodeRequestHeader(request.header);
  return becknWire(profile)?.actions.ruleOfPath(path)?.action === "search";
}

/** A refusal of version 1 may come with status 200. */
function isTaken(reply: Frame): boolean {
  if (decodeReplyHeader(reply.header).status >= 300) return false;
  try {
    // Both revisions' replies are read alike.
    return becknV1.decodeAck(parseBecknBody(reply.body)) === undefined;
  } catch {
    return false;
  }
}

/** Of either revision; undefined for what has none. */
function transactionOf(body: Uint8Array): string | undefined {
  try {
    const { context } = parseBecknBody(body) as { readonly context?: Readonly<Record<string, unknown>> };
    const id = context?.["transaction_id"] ?? context?.["transactionId"];
    return typeof id === "string" && id.length <= 128 ? id : undefined;
  } catch {
    return undefined;
  }
}
