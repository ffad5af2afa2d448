import type { Stream } from "@libp2p/interface";

/** Yamux' state of a stream that is open and not paused. */
const ESTABLISHED = 3;

/** What this file knows of the library's Yamux stream; where it is another shape, nothing is changed. */
interface WindowedStream {
  readonly state?: number;
  readonly recvWindow?: number;
  readonly recvWindowCapacity?: number;
  sendWindowUpdate?: () => void;
}

/**
 * Gives a window back once an eighth of it was used; other Yamux wait for half, which is late where the way is long.
 * The library answers every chunk with an update, which doubles the messages of a call.
 */
export function sparingWindow(stream: Stream): Stream {
  const windowed = stream as unknown as WindowedStream;
  const { sendWindowUpdate } = windowed;
  if (sendWindowUpdate === undefined || windowed.recvWindow === undefined) return stream;
  windowed.sendWindowUpdate = () => {
    const { state, recvWindow = 0, recvWindowCapacity = 0 } = windowed;
    // What has a flag to carry goes at once.
    if (state === ESTABLISHED && recvWindowCapacity > (recvWindow * 7) / 8) return;
    sendWindowUpdate.call(stream);
  };
  return stream;
}
