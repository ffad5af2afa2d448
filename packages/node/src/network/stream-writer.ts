import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import type { ByteLane } from "./bandwidth.ts";
import type { RawStream } from "./raw-stream.ts";
import type { WritePriority } from "./stream-types.ts";
import type { UnsentShare } from "./unsent-budget.ts";
import { waitFor, waitSignal, type Waiter } from "./waiting.ts";

/** Bytes joined into one send. */
const FLUSH_BYTES = 256 * 1024;
/** Queued bytes below which a write resolves. */
const CALM_BYTES = 256 * 1024;

/** Text that goes at once: the other side works on it while more is being written. */
const EARLY_CHARS = 12 * 1024;

const priorities: readonly WritePriority[] = ["critical", "high", "normal", "low"];

/** Bytes, or text that becomes UTF-8 together with its neighbours. */
export type Content = Uint8Array | string;

export type WriteOptions = Wait & { readonly priority?: WritePriority };

export interface StreamWriter {
  /** Queues without waiting. @throws QUEUE_FULL, STREAM_RESET. */
  post(content: Content, priority?: WritePriority): void;
  write(content: Content, wait: WriteOptions | undefined): Promise<void>;
  /** Resolves once little enough is queued. @throws STREAM_RESET. */
  calm(wait: Wait | undefined): Promise<void>;
  /** Waits for what is queued, then ends our half. */
  close(wait: Wait | undefined): Promise<void>;
  onDrain(): void;
  onClose(error: Error | undefined): void;
}

export interface WriterOptions {
  readonly raw: RawStream;
  readonly clock: Clock;
  /** What this peer may leave unread of ours, over all its streams. */
  readonly share: UnsentShare;
  /** The rate of what goes out; absent: no bound. */
  readonly lane: ByteLane | undefined;
}

/** Queues by priority and joins what gathers within one turn of the loop into one send. */
export function streamWriter(options: WriterOptions): StreamWriter {
  return new Writer(options);
}

class Writer implements StreamWriter {
  readonly #options: WriterOptions;
  readonly #queues: Record<WritePriority, Content[]> = { critical: [], high: [], normal: [], low: [] };
  readonly #waiters = new Set<{ readonly below: number; readonly waiter: Waiter<void> }>();
  /** What is left of a message larger than one send; nothing overtakes it. */
  #rest: Uint8Array | undefined;
  /** Bytes that wait; of text its characters. */
  #queued = 0;
  #flushing = false;
  #blocked = false;
  #later: Disposable | undefined;
  #closing: Promise<void> | undefined;
  #failure: ProtocolError | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  post(content: Content, priority: WritePriority = "normal"): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined) throw new ProtocolError("STREAM_RESET", "our half has ended");
    if (!this.#options.share.take(content.length)) {
      throw new ProtocolError("QUEUE_FULL", "the other side reads too slowly");
    }
    this.#queues[priority].push(content);
    this.#queued += content.length;
    this.#schedule();
    if (typeof content === "string" && this.#queued >= EARLY_CHARS) this.#sendEarly();
  }

  async write(content: Content, wait: WriteOptions | undefined): Promise<void> {
    this.post(content, wait?.priority);
    await this.calm(wait);
  }

  async calm(wait: Wait | undefined): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
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
    this.#rest = undefined;
    this.#later?.[Symbol.dispose]();
    this.#options.share.give(this.#queued);
    this.#queued = 0;
    for (const { waiter } of this.#waiters) waiter.reject(this.#failure);
  }

  async #end(wait: Wait | undefined): Promise<void> {
    if (this.#failure !== undefined) return;
    if (this.#queued > 0 || this.#flushing) await this.#untilBelow(0, wait);
    using limit = waitSignal(this.#options.clock, wait ?? {});
    await this.#options.raw.closeWrite(limit.signal);
  }

  #untilBelow(below: number, wait: Wait | undefined): Promise<void> {
    return waitFor<void>(this.#options.clock, wait, (waiter) => {
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
    const { clock, lane } = this.#options;
    if (this.#failure !== undefined) return;
    const waitMs = lane?.waitMs() ?? 0;
    if (waitMs > 0) {
      this.#later = clock.timer(waitMs, () => this.#flush());
      return;
    }
    this.#flushing = false;
    this.#send();
    this.#settle();
    this.#schedule();
  }

  /** The flush that is due finds less to do, or nothing. */
  #sendEarly(): void {
    if (!this.#blocked && (this.#options.lane?.waitMs() ?? 0) === 0) this.#send();
  }

  #send(): void {
    const { lane, raw } = this.#options;
    // A drain says that some has left: more on top of the rest would pass the bound below us, which resets the stream.
    this.#blocked ||= !raw.canSend;
    if (this.#blocked) return;
    const joined = this.#gather(Math.min(FLUSH_BYTES, lane?.room() ?? FLUSH_BYTES));
    if (joined === undefined) return;
    lane?.spend(joined.length);
    try {
      this.#blocked = !raw.send(joined);
    } catch (error) {
      this.onClose(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** At most one send's worth, most urgent first; messages of one priority keep their order. */
  #gather(most: number): Uint8Array | undefined {
    const before = this.#queued;
    const parts: Uint8Array[] = [];
    let size = 0;
    if (this.#rest !== undefined) {
      parts.push(this.#rest);
      size = this.#rest.length;
      this.#queued -= size;
      this.#rest = undefined;
    }
    for (const priority of priorities) {
      if (size >= most) break;
      const taken = takeSome(this.#queues[priority], most - size, size === 0);
      if (taken === undefined) continue;
      parts.push(taken.bytes);
      size += taken.bytes.length;
      this.#queued -= taken.length;
    }
    if (parts.length === 0) return undefined;
    let joined = parts.length === 1 ? parts[0] : Buffer.concat(parts, size);
    if (joined !== undefined && joined.length > most) {
      this.#rest = joined.subarray(most);
      this.#queued += this.#rest.length;
      joined = joined.subarray(0, most);
    }
    this.#account(before);
    return joined;
  }

  /** What text took in characters it may leave in more bytes. */
  #account(before: number): void {
    const { share } = this.#options;
    if (before >= this.#queued) share.give(before - this.#queued);
    else share.owe(this.#queued - before);
  }

  #settle(): void {
    for (const entry of this.#waiters) {
      if (this.#queued <= entry.below) entry.waiter.resolve();
    }
  }
}

/** Whole messages from the front, up to `room`; `always` at least one. `length` is what they counted in the queue. */
function takeSome(
  queue: Content[],
  room: number,
  always: boolean,
): { readonly bytes: Uint8Array; readonly length: number } | undefined {
  let count = 0;
  let length = 0;
  for (const content of queue) {
    if (length + content.length > room && (count > 0 || !always)) break;
    length += content.length;
    count += 1;
  }
  if (count === 0) return undefined;
  const taken = count === queue.length ? queue : queue.slice(0, count);
  const bytes = encode(taken);
  if (taken === queue) queue.length = 0;
  else queue.splice(0, count);
  return { bytes, length };
}

/** Neighbouring texts are encoded as one. */
function encode(contents: readonly Content[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let text = "";
  for (const content of contents) {
    if (typeof content === "string") {
      text += content;
      continue;
    }
    if (text !== "") parts.push(Buffer.from(text));
    text = "";
    parts.push(content);
  }
  if (text !== "") parts.push(Buffer.from(text));
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts);
}
