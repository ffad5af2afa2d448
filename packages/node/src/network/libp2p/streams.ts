import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { RawStream } from "../raw-stream.ts";
import { type StreamBounds, StreamTable } from "../stream-table.ts";
import type { BoundedStream, StreamLimits } from "../stream-types.ts";
import type { Link } from "../transport.ts";
import { waitSignal } from "../waiting.ts";
import { describe } from "./dial-errors.ts";
import type { LinkTable } from "./links.ts";
import { sparingWindow } from "./window-updates.ts";

/** A libp2p stream as the bounded stream wants it; `onLeaving` is called back when its connection is to end. */
function rawStream(given: Stream, onLeaving: (tell: () => void) => void): RawStream {
  const stream = sparingWindow(given);
  return {
    protocol: stream.protocol,
    get readStatus() {
      return stream.readStatus;
    },
    get readBufferLength() {
      return stream.readBufferLength;
    },
    get canSend() {
      return !stream.writableNeedsDrain;
    },
    send: (bytes) => stream.send(bytes),
    closeWrite: (signal) => stream.close({ signal }),
    closeRead: () => stream.closeRead(),
    abort: (error) => stream.abort(error),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    listen(listeners) {
      // Nobody here has ended it yet: whatever did, it was not by agreement.
      const wasLost = isOver(stream);
      onLeaving(() => listeners.onLeaving?.());
      stream.addEventListener("remoteCloseWrite", () => listeners.onRemoteEnd());
      stream.addEventListener("close", (event) => listeners.onClose(event.error));
      stream.addEventListener("drain", () => listeners.onDrain());
      stream.addEventListener("message", ({ data }) => {
        if (data instanceof Uint8Array) return listeners.onBytes(data);
        for (const chunk of data) listeners.onBytes(chunk);
      });
      // What happened before we listened is told once the early bytes were.
      setImmediate(() => {
        if (wasLost) return listeners.onClose(new Error("it was lost before it was used"));
        if (stream.remoteWriteStatus === "closed") listeners.onRemoteEnd();
        if (isOver(stream)) listeners.onClose(undefined);
      });
    },
  };
}

function isOver({ status }: Stream): boolean {
  return status !== "open" && status !== "closing";
}

/** What is known of a connection when it opens. */
export function linkOf(connection: Connection, times: { openedAtMs: number; lastByteMs: number }): Link {
  return {
    peerId: connection.remotePeer.toString(),
    address: connection.remoteAddr.toString(),
    inbound: connection.direction === "inbound",
    relayed: connection.limits !== undefined || !connection.direct,
    ...times,
  };
}

export interface StreamsOptions {
  readonly node: Libp2p;
  readonly links: LinkTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds: StreamBounds | undefined;
  readonly linkOf: (connection: Connection) => Link;
}

/** Opens and answers streams; libp2p's own bounds, which cut in silence, stand at twice ours. */
export class Streams {
  readonly table: StreamTable;
  readonly #options: StreamsOptions;
  readonly #own = new WeakMap<Stream, () => void>();
  readonly #left = new WeakSet<Connection>();

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.table = new StreamTable({
      clock: options.clock,
      log: options.log,
      bounds: options.bounds,
      onActivity: (peerId) => options.links.touch(peerId),
    });
  }

  async open(peerId: string, protocol: string, wait: Wait): Promise<BoundedStream> {
    const connection = this.#options.links.connectionTo(peerId);
    if (connection === undefined) throw new ProtocolError("PEER_UNREACHABLE", "no link to this peer");
    using place = this.table.reserve(peerId, protocol);
    using limit = waitSignal(this.#options.clock, { timeoutMs: 10_000, ...wait });
    const { maxInboundPerPeer, relayed } = this.table.limitsOf(protocol);
    let stream: Stream;
    try {
      stream = await connection.newStream(protocol, {
        signal: limit.signal,
        maxOutboundStreams: 2 * maxInboundPerPeer,
        runOnLimitedConnection: relayed,
      });
    } catch (error) {
      throw openFailure(error, limit.signal);
    }
    return place.opened(this.#raw(stream, connection));
  }

  /** What stands on this connection is to move elsewhere; so is what still opens there. */
  leave(connection: Connection): void {
    if (this.#left.has(connection)) return;
    this.#left.add(connection);
    for (const stream of connection.streams) this.#own.get(stream)?.();
  }

  /** It is used after all. */
  stay(connection: Connection): void {
    this.#left.delete(connection);
  }

  isOwn(stream: Stream): boolean {
    return this.#own.has(stream);
  }

  #raw(stream: Stream, connection: Connection): RawStream {
    return rawStream(stream, (tell) => {
      this.#own.set(stream, tell);
      if (this.#left.has(connection)) tell();
    });
  }

  handle(
    protocol: string,
    limits: StreamLimits,
    on: (stream: BoundedStream, from: Link) => void,
  ): Disposable {
    const { node, log, linkOf: linkTo } = this.#options;
    const held = this.table.handle(protocol, limits, on);
    const failed = (error: unknown) => log.error("handle", describe(error), { protocol });
    const onStream = (stream: Stream, connection: Connection) => {
      this.table.accept(this.#raw(stream, connection), linkTo(connection));
    };
    node
      .handle(protocol, onStream, {
        maxInboundStreams: 2 * limits.maxInboundPerPeer,
        maxOutboundStreams: 2 * limits.maxInboundPerPeer,
        runOnLimitedConnection: limits.relayed,
      })
      .catch(failed);
    return {
      [Symbol.dispose]() {
        held[Symbol.dispose]();
        node.unhandle(protocol).catch(failed);
      },
    };
  }
}

export function openFailure(error: unknown, signal: AbortSignal): ProtocolError {
  if (signal.reason instanceof ProtocolError) return signal.reason;
  const name = error instanceof Error ? error.name : "";
  if (name === "UnsupportedProtocolError") {
    return new ProtocolError("PROTOCOL_UNSUPPORTED", "the peer does not answer this protocol", {
      cause: error,
    });
  }
  if (name === "LimitedConnectionError") {
    return new ProtocolError("PROTOCOL_UNSUPPORTED", "this protocol does not run over a relay", {
      cause: error,
    });
  }
  if (name.startsWith("TooMany")) {
    return new ProtocolError("TOO_MANY_STREAMS", "too many streams to this peer", { cause: error });
  }
  return new ProtocolError("STREAM_RESET", "the stream did not open", { cause: error });
}
