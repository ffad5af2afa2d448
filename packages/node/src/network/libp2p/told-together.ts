/** Provider records for one peer follow each other on one stream: opening one for each is most of what they cost. */

import assert from "node:assert";
import type { PeerId, Stream } from "@libp2p/interface";
import { MessageType, type PeerResponseEvent, type QueryEvent, type SingleKadDHT } from "@libp2p/kad-dht";
import type { Clock } from "../../clock.ts";

/** Without another record for so long a stream is closed; the other side waits longer. */
const IDLE_MS = 1_500;
/** The library's number of an event that names who has answered. */
const PEER_RESPONSE: PeerResponseEvent["type"] = 1;

interface SendOptions {
  readonly signal?: AbortSignal;
  readonly path: PeerResponseEvent["path"];
}

interface Sending {
  sendMessage(to: PeerId, message: unknown, options: SendOptions): AsyncGenerator<QueryEvent>;
  _writeMessage(stream: Stream, message: unknown, options: SendOptions): Promise<void>;
}

/** What the library keeps to itself. */
interface Inside {
  readonly network: Sending;
  readonly contentRouting: { network: Sending };
  readonly protocol: string;
  readonly components: {
    readonly connectionManager: {
      openStream(to: PeerId, protocol: string, options: SendOptions): Promise<Stream>;
    };
  };
}

/** Sends what a node provides on streams that stay open a little; all else as the library does. */
export function tellTogether(service: SingleKadDHT, clock: Clock): void {
  const { network, contentRouting, protocol, components } = service as unknown as Inside;
  assert(contentRouting.network === network, "the library tells where it is watched");
  const resting = new Map<string, { readonly stream: Stream; readonly idle: Disposable }>();

  const take = (peer: string): Stream | undefined => {
    const found = resting.get(peer);
    if (found === undefined) return undefined;
    found.idle[Symbol.dispose]();
    resting.delete(peer);
    return found.stream.status === "open" ? found.stream : undefined;
  };
  const rest = (peer: string, stream: Stream) => {
    // Two words at once: the records on the other stream are still on their way.
    if (resting.has(peer)) return close(stream);
    const idle = clock.timer(IDLE_MS, () => {
      resting.delete(peer);
      close(stream);
    });
    resting.set(peer, { stream, idle });
  };
  const write = async (to: PeerId, message: unknown, options: SendOptions) => {
    const peer = to.toString();
    const stream = take(peer) ?? (await components.connectionManager.openStream(to, protocol, options));
    try {
      await network._writeMessage(stream, message, options);
    } catch (error) {
      stream.abort(new Error("a provider record could not be written", { cause: error }));
      throw error;
    }
    rest(peer, stream);
  };

  const told = Object.create(network) as Sending;
  told.sendMessage = async function* (to, message, options) {
    try {
      await write(to, message, options);
    } catch {
      // A stream of the library's own, whose failure it tells.
      yield* network.sendMessage(to, message, options);
      return;
    }
    yield answerOf(to, options.path);
  };
  contentRouting.network = told;
}

function close(stream: Stream): void {
  stream.close().catch((error: Error) => stream.abort(error));
}

function answerOf(from: PeerId, path: PeerResponseEvent["path"]): PeerResponseEvent {
  return {
    from,
    type: PEER_RESPONSE,
    name: "PEER_RESPONSE",
    messageName: "ADD_PROVIDER",
    messageType: MessageType.ADD_PROVIDER,
    closer: [],
    providers: [],
    path,
  };
}
