import type { Wait } from "../clock.ts";

/** What a protocol allows of one of its streams. */
export interface StreamLimits {
  /** Largest frame body in bytes; judged before the body is read. */
  readonly maxFrameBytes: number;
  /** Largest line in bytes, for line protocols. */
  readonly maxLineBytes?: number | undefined;
  /** Streams one peer may hold open towards us. */
  readonly maxInboundPerPeer: number;
  /** May the protocol run over a relayed link? */
  readonly relayed: boolean;
  /** Reset after so many milliseconds without a byte in either direction; absent: never. */
  readonly idleMs?: number | undefined;
  /** Bandwidth limits do not hold it back. */
  readonly unmetered?: boolean | undefined;
}

export type WritePriority = "critical" | "high" | "normal" | "low";

/** A stream with a bound on everything: unread bytes, unsent bytes, frame size, waiting time. */
export interface BoundedStream {
  readonly protocol: string;
  readonly peerId: string;
  /**
   * The next frame's content: `uvarint n ‖ n bytes`; undefined at the end of the stream.
   * @throws FRAME_TOO_LARGE (stream reset), STREAM_RESET, CALL_TIMEOUT.
   */
  readFrame(wait?: Wait): Promise<Uint8Array | undefined>;
  /**
   * The next `\n`-ended line without its end; undefined at the end of the stream.
   * @throws as readFrame.
   */
  readLine(wait?: Wait): Promise<Uint8Array | undefined>;
  /**
   * All whole lines that are held, with their ends, as one piece of at most 12 KiB or one line; waits for the first;
   * undefined at the end of the stream.
   * @throws as readFrame.
   */
  readLines(wait?: Wait): Promise<Uint8Array | undefined>;
  /**
   * Queues bytes or text as they are; resolves once the queue is below its bound.
   * @throws STREAM_RESET, QUEUE_FULL when this peer leaves too much unread.
   */
  write(content: Uint8Array | string, options?: Wait & { readonly priority?: WritePriority }): Promise<void>;
  /** As `write`, without waiting. @throws as write. */
  post(content: Uint8Array | string, priority?: WritePriority): void;
  /** Resolves once the queue is below its bound. @throws STREAM_RESET. */
  calm(wait?: Wait): Promise<void>;
  /** Writes `uvarint n ‖ bytes`. */
  writeFrame(bytes: Uint8Array, options?: Wait & { readonly priority?: WritePriority }): Promise<void>;
  /** Flushes, then ends our half. */
  closeWrite(wait?: Wait): Promise<void>;
  /** Ends both halves gracefully, without waiting for unread bytes. */
  close(wait?: Wait): Promise<void>;
  reset(reason: string): void;
  /** Resolves when both halves have ended, with the error if it was a reset. */
  readonly closed: Promise<Error | undefined>;
  /**
   * Resolves if the way under it is to end: what opened it opens its next one, and ends this once nothing is under way.
   */
  readonly leaving: Promise<void>;
}
