/** The answering end of `/gridmesh/rpc/1`. */

import { forPeer, type JsonValue, ProtocolError, toProtocolError } from "@gridmesh/protocol";
import type { Caller } from "../agent.ts";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";
import type { Link, Transport } from "../network/transport.ts";
import type { OpenedAgent } from "./agent-door.ts";
import { CallLoad } from "./call-load.ts";
import { CallSession, type CallSessionOptions } from "./call-session.ts";
import type { ChannelContext } from "./channel.ts";
import { Expiry } from "./expiry.ts";
import { InboundStreams } from "./inbound-streams.ts";
import { errorLine, RPC_PROTOCOL, rpcStreamLimits } from "./rpc-lines.ts";
import { acceptanceLine, readOpening, type RpcOpening } from "./rpc-opening.ts";
import { streamChannel } from "./stream-channel.ts";

export type { RefusedCall } from "./call-session.ts";

export interface RpcCalleeOptions extends Omit<CallSessionOptions, "load" | "expiry"> {
  readonly transport: Transport;
  /** Called once per stream of calls; throws what the opening line's target deserves. */
  readonly accept: (to: string, caller: Caller) => void;
  /** Opens an agent's own channel. @throws what the opening line deserves. */
  readonly open: (opening: RpcOpening, context: ChannelContext) => Promise<OpenedAgent>;
  /** The agent_id that a binding ties to this very peer; undefined when it does not hold. */
  readonly bound: (binding: JsonValue | undefined, peerId: string) => string | undefined;
  /** Must no new call begin? @throws DRAINING. */
  readonly refuseWhenDraining: () => void;
}

/** Answers calls of peers until disposed. */
export function serveRpc(options: RpcCalleeOptions): Disposable {
  const stack = new DisposableStack();
  const callee = new RpcCallee(options, stack.use(new Expiry(options.clock)));
  stack.use(
    options.transport.handle(
      RPC_PROTOCOL,
      rpcStreamLimits,
      (stream, from) => void callee.serve(stream, from),
    ),
  );
  return stack;
}

class RpcCallee {
  readonly #options: RpcCalleeOptions;
  readonly #load = new CallLoad();
  readonly #streams: InboundStreams;
  readonly #shared: CallSessionOptions;

  constructor(options: RpcCalleeOptions, expiry: Expiry) {
    this.#options = options;
    this.#streams = new InboundStreams();
    this.#shared = { ...options, load: this.#load, expiry };
  }

  async serve(stream: BoundedStream, { peerId }: Link): Promise<void> {
    try {
      const opening = await readOpening(stream);
      using seat = this.#streams.take(peerId, opening.mode);
      const { to, via, user } = opening;
      const agentId = this.#options.bound(opening.from, peerId);
      const caller: Caller = {
        kind: "peer",
        peerId,
        ...(user === undefined ? {} : { user }),
        ...(agentId === undefined ? {} : { agentId }),
      };
      if (opening.proto === "plain") {
        this.#options.accept(to, caller);
        await new CallSession(this.#shared, { stream, caller, to, via }).serve();
      } else await this.#serveAgent(stream, opening, { caller, seat });
    } catch (error) {
      await refuse(stream, error);
    }
  }

  async #serveAgent(
    stream: BoundedStream,
    opening: RpcOpening,
    { caller, seat }: { readonly caller: Caller; readonly seat: ReturnType<InboundStreams["take"]> },
  ): Promise<void> {
    const { admit, open, refuseWhenDraining, meter, clock } = this.#options;
    const { peerId } = caller;
    refuseWhenDraining();
    const gone = new AbortController();
    void stream.closed.then(() => gone.abort(new ProtocolError("CALL_CANCELLED", "the caller has gone")));
    const opened = await open(opening, { caller, signal: gone.signal });
    const { era, versions } = opened.inside;
    const maxInFlight = opening.mode === "listen" ? 1 : nodeLimits.rpcInFlightAgent;
    try {
      stream.post(acceptanceLine({ era, versions, maxInFlight }));
    } catch (error) {
      opened.inside.reset("the caller has gone");
      throw error;
    }
    const guard = opened.guard(streamChannel(stream, { era, versions }), {
      admit: () => admit(peerId),
      enter: () => {
        refuseWhenDraining();
        return this.#load.enterAgent(peerId, JSON.stringify([peerId, caller.user, opening.to]));
      },
      room: async (bytes) => {
        await this.#load.takeRoom(peerId, bytes, stream.closed);
        return () => this.#load.leaveRoom(peerId, bytes);
      },
      onOver: (beganMs, error) => meter?.ended("inbound", clock.monotonicMs() - beganMs, error),
      onDrop: () => meter?.dropped(),
    });
    seat.hold(guard);
    await guard.run();
  }
}

/** The stream cannot go on: one error line, then its end; a stream already gone needs nothing. */
async function refuse(stream: BoundedStream, error: unknown): Promise<void> {
  const known = forPeer(toProtocolError(error, "INTERNAL_ERROR"));
  if (known.code === "STREAM_RESET") return;
  try {
    stream.post(errorLine(null, known));
    await stream.close({ timeoutMs: nodeLimits.rpcOpeningMs });
  } catch {
    stream.reset("the error could not be told");
  }
}
