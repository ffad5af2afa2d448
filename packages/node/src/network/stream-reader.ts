import assert from "node:assert/strict";
import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import type { ByteLane } from "./bandwidth.ts";
import { byteQueue } from "./byte-queue.ts";
import type { RawStream } from "./raw-stream.ts";
import type { BudgetedStream, StreamBudget } from "./stream-budget.ts";
import { readUvarint } from "./varint.ts";
import { waitFor } from "./waiting.ts";

/** Unread bytes at which a stream pauses. */
const HIGH_BYTES = 256 * 1024;
/** Unread bytes below which it goes on. */
const LOW_BYTES = 64 * 1024;
/** Room for a frame's length and the start of the next. */
const FRAME_SLACK_BYTES = 16;
/** Lines taken at once: what they ask for is answered before more is read, and no budget counts what is being read. */
const BATCH_BYTES = 12 * 1024;
const NEWLINE = 0x0a;

export interface ReaderOptions {
  readonly raw: RawStream;
  readonly peerId: string;
  readonly maxFrameBytes: number;
  readonly maxLineBytes: number;
  readonly clock: Clock;
  readonly budget: StreamBudget;
  /** The rate of what comes in; absent: no bound. */
  readonly lane: ByteLane | undefined;
  /** Ends the stream for a fault of the other side. */
  readonly onFault: (error: ProtocolError) => void;
}

/**
 * Reads frames and lines with a bound on what is held unread. `pause()` inside the dispatch that `resume()` runs is
 * lost by the stream below, hence the `resuming` flag; the rule is applied again right after.
 */
export interface StreamReader {
  frame(wait: Wait | undefined): Promise<Uint8Array | undefined>;
  line(wait: Wait | undefined): Promise<Uint8Array | undefined>;
  /** Whole lines with their ends, as many as fit one piece. */
  lines(wait: Wait | undefined): Promise<Uint8Array | undefined>;
  onBytes(bytes: Uint8Array): void;
  onRemoteEnd(): void;
  onClose(error: Error | undefined): void;
  /** Forgets what is unread and takes no more. */
  discard(): void;
}

export function streamReader(options: ReaderOptions): StreamReader {
  return new Reader(options);
}

class Reader implements StreamReader {
  readonly #options: ReaderOptions;
  readonly #unread = byteQueue();
  readonly #budgeted: BudgetedStream;
  #wake: (() => void) | undefined;
  #reading = false;
  #resuming = false;
  #ended = false;
  #discarding = false;
  #failure: ProtocolError | undefined;
  /** Bytes that must be held for the piece being read; 0 between pieces. */
  #wanted = 0;
  #scanned = 0;
  #later: Disposable | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#budgeted = {
      peerId: options.peerId,
      unreadBytes: () => this.#unread.length + options.raw.readBufferLength,
      onRelief: () => this.#relax(),
      overload: () => this.#fault(new ProtocolError("OVERLOADED", "too many unread bytes of this peer")),
    };
    options.budget.add(this.#budgeted);
  }

  onBytes(bytes: Uint8Array): void {
    if (this.#discarding) return;
    this.#unread.append(bytes);
    this.#options.lane?.spend(bytes.length);
    this.#restrain();
    this.#options.budget.changed(this.#budgeted);
    this.#wake?.();
  }

  onRemoteEnd(): void {
    this.#ended = true;
    this.#wake?.();
  }

  onClose(error: Error | undefined): void {
    if (error !== undefined || !this.#ended) {
      this.#failure ??= new ProtocolError("STREAM_RESET", error?.message ?? "the link went", {
        cause: error,
      });
    }
    this.#later?.[Symbol.dispose]();
    // What is still unread can no longer grow.
    this.#options.budget.remove(this.#budgeted);
    this.#wake?.();
  }

  discard(): void {
    this.#discarding = true;
    this.#ended = true;
    this.#unread.drop(this.#unread.length);
    this.#options.budget.remove(this.#budgeted);
    this.#wake?.();
  }

  frame(wait: Wait | undefined): Promise<Uint8Array | undefined> {
    return this.#alone(() => this.#nextFrame(wait));
  }

  line(wait: Wait | undefined): Promise<Uint8Array | undefined> {
    return this.#alone(() => this.#nextLine(wait));
  }

  lines(wait: Wait | undefined): Promise<Uint8Array | undefined> {
    return this.#alone(async () => {
      const end = await this.#lineEnd(wait);
      if (end === undefined) return undefined;
      const most = Math.min(this.#unread.length, BATCH_BYTES, this.#options.maxLineBytes);
      const last = Math.max(end, this.#unread.lastIndexOf(NEWLINE, most));
      this.#scanned = 0;
      return this.#taken(this.#unread.take(last + 1));
    });
  }

  async #alone<T>(read: () => Promise<T>): Promise<T> {
    assert(!this.#reading, "one reader at a time");
    this.#reading = true;
    try {
      return await read();
    } finally {
      this.#reading = false;
    }
  }

  async #nextFrame(wait: Wait | undefined): Promise<Uint8Array | undefined> {
    for (;;) {
      const length = readUvarint((index) => this.#unread.at(index), this.#unread.length);
      if (length === "bad") {
        throw this.#fault(new ProtocolError("MESSAGE_MALFORMED", "a frame's length is not a number"));
      }
      if (length === "short") {
        if (!(await this.#more(this.#unread.length + 1, wait))) return undefined;
        continue;
      }
      const { maxFrameBytes } = this.#options;
      if (length.value > maxFrameBytes) {
        throw this.#fault(
          new ProtocolError("FRAME_TOO_LARGE", `a frame of ${length.value} bytes, at most ${maxFrameBytes}`),
        );
      }
      const whole = length.size + length.value;
      if (this.#unread.length < whole) {
        if (!(await this.#more(whole, wait))) return undefined;
        continue;
      }
      this.#unread.drop(length.size);
      return this.#taken(this.#unread.take(length.value));
    }
  }

  async #nextLine(wait: Wait | undefined): Promise<Uint8Array | undefined> {
    const end = await this.#lineEnd(wait);
    if (end === undefined) return undefined;
    const line = this.#unread.take(end);
    this.#unread.drop(1);
    this.#scanned = 0;
    return this.#taken(line);
  }

  /** Where the first line ends, once it is whole; undefined at the end of the stream. */
  async #lineEnd(wait: Wait | undefined): Promise<number | undefined> {
    const { maxLineBytes } = this.#options;
    for (;;) {
      const end = this.#unread.indexOf(NEWLINE, this.#scanned);
      if (end > maxLineBytes || (end < 0 && this.#unread.length > maxLineBytes)) {
        throw this.#fault(new ProtocolError("FRAME_TOO_LARGE", `a line above ${maxLineBytes} bytes`));
      }
      if (end >= 0) return end;
      this.#scanned = this.#unread.length;
      if (!(await this.#more(this.#unread.length + 1, wait, maxLineBytes + 1))) return undefined;
    }
  }

  /** Waits until `count` bytes are held; false at the end of the stream. */
  async #more(count: number, wait: Wait | undefined, upTo = count): Promise<boolean> {
    this.#wanted = upTo;
    while (this.#unread.length < count) {
      this.#relax();
      if (this.#unread.length >= count) break;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended && this.#options.raw.readBufferLength === 0) return this.#atEnd();
      await waitFor<void>(this.#options.clock, wait, (waiter) => {
        this.#wake = () => waiter.resolve();
        return () => {
          this.#wake = undefined;
        };
      });
    }
    return true;
  }

  #atEnd(): false {
    if (this.#unread.length === 0 || this.#discarding) return false;
    this.#failure ??= new ProtocolError("STREAM_RESET", "the stream ended inside a message");
    throw this.#failure;
  }

  #taken(bytes: Uint8Array): Uint8Array {
    this.#wanted = 0;
    this.#relax();
    this.#options.budget.changed(this.#budgeted);
    return bytes;
  }

  #fault(error: ProtocolError): ProtocolError {
    this.#failure = error;
    this.discard();
    this.#options.onFault(error);
    return error;
  }

  /** Pauses when enough is held, or more came than the rate allows. */
  #restrain(): void {
    const { raw, budget, peerId } = this.#options;
    if (this.#resuming || raw.readStatus !== "readable") return;
    const inside = this.#wanted > 0;
    const bound = Math.max(HIGH_BYTES, this.#wanted + FRAME_SLACK_BYTES);
    const full = this.#unread.length >= bound || (!inside && budget.isTight(peerId));
    if (full || this.#isOverRate()) raw.pause();
  }

  /** Goes on when little is held, or when the piece being read needs more. */
  #relax(): void {
    const { raw, budget, peerId } = this.#options;
    if (raw.readStatus !== "paused") return;
    const needsMore = this.#unread.length < this.#wanted;
    const hasRoom = this.#unread.length < LOW_BYTES && !budget.isTight(peerId);
    if ((!needsMore && !hasRoom) || this.#isOverRate()) return;
    this.#resuming = true;
    try {
      raw.resume();
    } finally {
      this.#resuming = false;
    }
    this.#restrain();
  }

  /** When it is, reading goes on by itself once it no longer is. */
  #isOverRate(): boolean {
    const waitMs = this.#options.lane?.waitMs() ?? 0;
    if (waitMs === 0) return false;
    this.#later ??= this.#options.clock.timer(waitMs, () => {
      this.#later = undefined;
      this.#relax();
    });
    return true;
  }
}
