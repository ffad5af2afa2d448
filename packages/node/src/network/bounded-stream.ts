import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import type { RawStream } from "./raw-stream.ts";
import type { StreamBudget } from "./stream-budget.ts";
import { streamReader } from "./stream-reader.ts";
import type { BoundedStream, StreamLimits } from "./stream-types.ts";
import { streamWriter } from "./stream-writer.ts";
import { encodeUvarint } from "./varint.ts";

/** How long a gracefully closed stream may wait for the other side's end before it is reset. */
const LINGER_MS = 10_000;

export interface BoundedStreamOptions {
  readonly raw: RawStream;
  readonly peerId: string;
  readonly limits: Pick<StreamLimits, "maxFrameBytes" | "maxLineBytes" | "idleMs">;
  readonly clock: Clock;
  readonly budget: StreamBudget;
  /** Told whenever bytes came in. */
  readonly onActivity?: (() => void) | undefined;
}

/** Puts bounds around a raw stream; the only way streams are read and written in this node. */
export function boundedStream(options: BoundedStreamOptions): BoundedStream {
  const { raw, peerId, limits, clock, budget } = options;
  let resolveClosed!: (error: Error | undefined) => void;
  const closed = new Promise<Error | undefined>((resolve) => {
    resolveClosed = resolve;
  });
  let over = false;
  let fault: Error | undefined;
  let linger: Disposable | undefined;

  const idle = idleTimer(clock, limits.idleMs, () => reset("idle for too long"));
  const reset = (reason: string) => {
    if (over) return;
    fault ??= new ProtocolError("STREAM_RESET", reason);
    raw.abort(fault);
  };
  const writer = streamWriter({ raw, clock });
  const reader = streamReader({
    raw,
    peerId,
    clock,
    budget,
    maxFrameBytes: limits.maxFrameBytes,
    maxLineBytes: limits.maxLineBytes ?? limits.maxFrameBytes,
    onFault: (error) => {
      fault ??= error;
      raw.abort(error);
    },
  });
  raw.listen({
    onBytes(bytes) {
      idle.touch();
      options.onActivity?.();
      reader.onBytes(bytes);
    },
    onDrain() {
      idle.touch();
      writer.onDrain();
    },
    onRemoteEnd: () => reader.onRemoteEnd(),
    onClose(error) {
      if (over) return;
      over = true;
      idle[Symbol.dispose]();
      linger?.[Symbol.dispose]();
      reader.onClose(error);
      writer.onClose(error);
      resolveClosed(fault ?? error);
    },
  });

  const write: BoundedStream["write"] = (bytes, wait) => {
    idle.touch();
    return writer.write(bytes, wait);
  };
  const close = async (wait?: Wait) => {
    if (over) return;
    reader.discard();
    linger ??= clock.timer(LINGER_MS, () => reset("the other side never ended its half"));
    await writer.close(wait);
    if (!over) await raw.closeRead();
  };
  return {
    protocol: raw.protocol,
    peerId,
    closed,
    readFrame: (wait) => reader.frame(wait),
    readLine: (wait) => reader.line(wait),
    write,
    writeFrame(bytes, wait) {
      const length = encodeUvarint(bytes.length);
      const frame = new Uint8Array(length.length + bytes.length);
      frame.set(length);
      frame.set(bytes, length.length);
      return write(frame, wait);
    },
    closeWrite: (wait) => writer.close(wait),
    close,
    reset,
  };
}

/** Fires once nothing moved for `idleMs`; libp2p's own idle limit is never enforced. */
function idleTimer(
  clock: Clock,
  idleMs: number | undefined,
  onIdle: () => void,
): Disposable & { touch(): void } {
  if (idleMs === undefined) return { touch() {}, [Symbol.dispose]() {} };
  let lastMs = clock.monotonicMs();
  let timer: Disposable | undefined;
  const arm = (ms: number) => {
    timer = clock.timer(ms, () => {
      const restMs = lastMs + idleMs - clock.monotonicMs();
      if (restMs > 0) arm(restMs);
      else onIdle();
    });
  };
  arm(idleMs);
  return {
    touch() {
      lastMs = clock.monotonicMs();
    },
    [Symbol.dispose]: () => timer?.[Symbol.dispose](),
  };
}
