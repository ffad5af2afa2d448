import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import type { RawStream } from "./raw-stream.ts";
import type { WritePriority } from "./stream-types.ts";
import { waitFor, waitSignal, type Waiter } from "./waiting.ts";

/** Bytes joined into one send. */
const FLUSH_BYTES = 256 * 1024;
/** Queued bytes below which a write resolves. */
const CALM_BYTES = 256 * 1024;
/** Queued bytes above which a write is refused: the caller does not wait for its writes. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;

const priorities: readonly WritePriority[] = ["critical", "high", "normal", "low"];

export interface StreamWriter {
  write(bytes: Uint8Array, wait: (Wait & { readonly priority?: WritePriority }) | undefined): Promise<void>;
  /** Waits for what is queued, then ends our half. */
  close(wait: Wait | undefined): Promise<void>;
  onDrain(): void;
  onClose(error: Error | undefined): void;
  readonly queuedBytes: number;
}

/** Queues by priority and joins what gathers within one turn of the loop into one send. */
export function streamWriter(options: { readonly raw: RawStream; readonly clock: Clock }): StreamWriter {
  return new Writer(options.raw, options.clock);
}

class Writer implements StreamWriter {
  readonly #raw: RawStream;
  readonly #clock: Clock;
  readonly #queues: Record<WritePriority, Uint8Array[]> = { critical: [], high: [], normal: [], low: [] };
  readonly #waiters = new Set<{ readonly below: number; readonly waiter: Waiter<void> }>();
  #queued = 0;
  #flushing = false;
  #blocked = false;
  #closing: Promise<void> | undefined;
  #failure: ProtocolError | undefined;

  constructor(raw: RawStream, clock: Clock) {
    this.#raw = raw;
    this.#clock = clock;
  }

  get queuedBytes(): number {
    return this.#queued;
  }

  async write(
    bytes: Uint8Array,
    wait: (Wait & { readonly priority?: WritePriority }) | undefined,
  ): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) throw new ProtocolError("STREAM_RESET", "our half has ended");
    if (this.#queued + bytes.length > MAX_QUEUED_BYTES) {
      throw new ProtocolError("QUEUE_FULL", "the other side reads too slowly");
    }
    this.#queues[wait?.priority ?? "normal"].push(bytes);
    this.#queued += bytes.length;
    this.#schedule();
    if (this.#queued > CALM_BYTES) await this.#untilBelow(CALM_BYTES, wait);
  }

  close(wait: Wait | undefined): Promise<void> {
    this.#closing ??= this.#end(wait);
    return this.#closing;
  }

  onDrain(): void {
    this.#blocked = false;
    this.#schedule();
    this.#settle();
  }

  onClose(error: Error | undefined): void {
    this.#failure ??= new ProtocolError("STREAM_RESET", error?.message ?? "the stream is closed", {
      cause: error,
    });
    for (const priority of priorities) this.#queues[priority].length = 0;
    this.#queued = 0;
    for (const { waiter } of this.#waiters) waiter.reject(this.#failure);
  }

  async #end(wait: Wait | undefined): Promise<void> {
    if (this.#failure !== undefined) return;
    if (this.#queued > 0 || this.#flushing) await this.#untilBelow(0, wait);
    using limit = waitSignal(this.#clock, wait ?? {});
    await this.#raw.closeWrite(limit.signal);
  }

  #untilBelow(below: number, wait: Wait | undefined): Promise<void> {
    return waitFor<void>(this.#clock, wait, (waiter) => {
      const entry = { below, waiter };
      this.#waiters.add(entry);
      return () => this.#waiters.delete(entry);
    });
  }

  #schedule(): void {
    if (this.#flushing || this.#blocked || this.#queued === 0) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#failure !== undefined) return;
    const joined = this.#gather();
    if (joined !== undefined) {
      try {
        this.#blocked = !this.#raw.send(joined);
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(String(error));
        return this.onClose(failure);
      }
    }
    this.#settle();
    this.#schedule();
  }

  /** At most one send's worth, most urgent first; a message is never split from its order within a priority. */
  #gather(): Uint8Array | undefined {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (const priority of priorities) {
      const queue = this.#queues[priority];
      let taken = 0;
      for (const part of queue) {
        if (size > 0 && size + part.length > FLUSH_BYTES) break;
        parts.push(part);
        size += part.length;
        taken += 1;
      }
      queue.splice(0, taken);
      if (size >= FLUSH_BYTES) break;
    }
    this.#queued -= size;
    if (parts.length <= 1) return parts[0];
    const joined = new Uint8Array(size);
    let offset = 0;
    for (const part of parts) {
      joined.set(part, offset);
      offset += part.length;
    }
    return joined;
  }

  #settle(): void {
    for (const entry of this.#waiters) {
      if (this.#queued <= entry.below) entry.waiter.resolve();
    }
  }
}
