import type { Connection, Stream } from "@libp2p/interface";
import type { RawStream } from "../raw-stream.ts";
import type { Link } from "../transport.ts";

/** A libp2p stream as the bounded stream wants it. */
export function rawStream(stream: Stream): RawStream {
  return {
    protocol: stream.protocol,
    get readStatus() {
      return stream.readStatus;
    },
    get readBufferLength() {
      return stream.readBufferLength;
    },
    send: (bytes) => stream.send(bytes),
    closeWrite: (signal) => stream.close({ signal }),
    closeRead: () => stream.closeRead(),
    abort: (error) => stream.abort(error),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    listen(listeners) {
      stream.addEventListener("remoteCloseWrite", () => listeners.onRemoteEnd());
      stream.addEventListener("close", (event) => listeners.onClose(event.error));
      stream.addEventListener("drain", () => listeners.onDrain());
      stream.addEventListener("message", ({ data }) => {
        if (data instanceof Uint8Array) return listeners.onBytes(data);
        for (const chunk of data) listeners.onBytes(chunk);
      });
      // What happened before we listened is told once the early bytes were.
      setImmediate(() => {
        if (stream.remoteWriteStatus === "closed") listeners.onRemoteEnd();
        if (stream.status !== "open" && stream.status !== "closing") listeners.onClose(undefined);
      });
    },
  };
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
