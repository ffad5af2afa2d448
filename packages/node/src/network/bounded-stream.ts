import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import type { Bandwidth } from "./bandwidth.ts";
import { type IdleTimer, idleTimer } from "./idle-timer.ts";
import type { RawStream } from "./raw-stream.ts";
import type { StreamBudget } from "./stream-budget.ts";
import { type StreamReader, streamReader } from "./stream-reader.ts";
import type { BoundedStream, StreamLimits, WritePriority } from "./stream-types.ts";
import { type Content, type StreamWriter, streamWriter, type WriteOptions } from "./stream-writer.ts";
import { type UnsentBudget, unsentBudget } from "./unsent-budget.ts";
import { encodeUvarint } from "./varint.ts";

/** How long a gracefully closed stream may wait for the other side's end before it is reset. */
const LINGER_MS = 10_000;

export interface BoundedStreamOptions {
  readonly raw: RawStream;
  readonly peerId: string;
  readonly limits: Pick<StreamLimits, "maxFrameBytes" | "maxLineBytes" | "idleMs" | "unmetered">;
  readonly clock: Clock;
  readonly budget: StreamBudget;
  /** Default: one of its own. */
  readonly unsent?: UnsentBudget | undefined;
  /** Absent: as fast as it goes. */
  readonly bandwidth?: Bandwidth | undefined;
  /** Told whenever bytes came in. */
  readonly onActivity?: (() => void) | undefined;
}

/** Puts bounds around a raw stream; the only way streams are read and written in this node. */
export function boundedStream(options: BoundedStreamOptions): BoundedStream {
  return new Bounded(options);
}

class Bounded implements BoundedStream {
  readonly protocol: string;
  readonly peerId: string;
  readonly closed: Promise<Error | undefined>;
  readonly leaving: Promise<void>;
  readonly #raw: RawStream;
  readonly #clock: Clock;
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;
  readonly #idle: IdleTimer;
  readonly #resolveClosed: (error: Error | undefined) => void;
  #over = false;
  #fault: Error | undefined;
  #linger: Disposable | undefined;

  constructor(options: BoundedStreamOptions) {
    const { raw, peerId, limits, clock, budget } = options;
    const metered = limits.unmetered === true ? undefined : options.bandwidth;
    // What keeps a peer alive does not wait for room behind what it leaves unread.
    const unsent = limits.unmetered === true ? unsentBudget() : (options.unsent ?? unsentBudget());
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    const leaving = Promise.withResolvers<void>();
    this.protocol = raw.protocol;
    this.peerId = peerId;
    this.closed = promise;
    this.leaving = leaving.promise;
    this.#resolveClosed = resolve;
    this.#raw = raw;
    this.#clock = clock;
    this.#idle = idleTimer(clock, limits.idleMs, () => this.reset("idle for too long"));
    this.#writer = streamWriter({
      raw,
      clock,
      share: unsent.of(peerId),
      lane: metered?.lane(peerId, "outbound"),
    });
    this.#reader = streamReader({
      raw,
      peerId,
      clock,
      budget,
      lane: metered?.lane(peerId, "inbound"),
      maxFrameBytes: limits.maxFrameBytes,
      maxLineBytes: limits.maxLineBytes ?? limits.maxFrameBytes,
      onFault: (error) => this.#abort(error),
    });
    raw.listen({
      onBytes: (bytes) => {
        this.#idle.touch();
        options.onActivity?.();
        this.#reader.onBytes(bytes);
      },
      onDrain: () => {
        this.#idle.touch();
        this.#writer.onDrain();
      },
      onRemoteEnd: () => this.#reader.onRemoteEnd(),
      onClose: (error) => this.#onClose(error),
      onLeaving: leaving.resolve,
    });
  }

  readFrame(wait?: Wait): Promise<Uint8Array | undefined> {
    return this.#reader.frame(wait);
  }

  readLine(wait?: Wait): Promise<Uint8Array | undefined> {
    return this.#reader.line(wait);
  }

  readLines(wait?: Wait): Promise<Uint8Array | undefined> {
    return this.#reader.lines(wait);
  }

  write(content: Content, options?: WriteOptions): Promise<void> {
    this.#idle.touch();
    return this.#writer.write(content, options);
  }

  post(content: Content, priority?: WritePriority): void {
    this.#idle.touch();
    this.#writer.post(content, priority);
  }

  calm(wait?: Wait): Promise<void> {
    return this.#writer.calm(wait);
  }

  writeFrame(bytes: Uint8Array, options?: Wait & { readonly priority?: WritePriority }): Promise<void> {
    const length = encodeUvarint(bytes.length);
    const frame = new Uint8Array(length.length + bytes.length);
    frame.set(length);
    frame.set(bytes, length.length);
    return this.write(frame, options);
  }

  closeWrite(wait?: Wait): Promise<void> {
    return this.#writer.close(wait);
  }

  async close(wait?: Wait): Promise<void> {
    if (this.#over) return;
    this.#reader.discard();
    this.#linger ??= this.#clock.timer(LINGER_MS, () => this.reset("the other side never ended its half"));
    await this.#writer.close(wait);
    if (!this.#over) await this.#raw.closeRead();
  }

  reset(reason: string): void {
    if (!this.#over) this.#abort(new ProtocolError("STREAM_RESET", reason));
  }

  #abort(error: Error): void {
    this.#fault ??= error;
    this.#raw.abort(error);
  }

  #onClose(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#idle[Symbol.dispose]();
    this.#linger?.[Symbol.dispose]();
    this.#reader.onClose(error);
    this.#writer.onClose(error);
    this.#resolveClosed(this.#fault ?? error);
  }
}
