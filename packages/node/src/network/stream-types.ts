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
  /** Queues bytes as they are; resolves once the queue is below its bound. @throws STREAM_RESET. */
  write(bytes: Uint8Array, options?: Wait & { readonly priority?: WritePriority }): Promise<void>;
  /** Writes `uvarint n ‖ bytes`. */
  writeFrame(bytes: Uint8Array, options?: Wait & { readonly priority?: WritePriority }): Promise<void>;
  /** Flushes, then ends our half. */
  closeWrite(wait?: Wait): Promise<void>;
  /** Ends both halves gracefully, without waiting for unread bytes. */
  close(wait?: Wait): Promise<void>;
  reset(reason: string): void;
  /** Resolves when both halves have ended, with the error if it was a reset. */
  readonly closed: Promise<Error | undefined>;
}
