/** Channels to the agents of other nodes. */

import { ProtocolError } from "@gridmesh/protocol";
import type { Wait } from "../clock.ts";
import type { Pacer } from "../gate/pace.ts";
import { AgentLane } from "./agent-lane.ts";
import type { CallNames } from "./call-names.ts";
import type { AgentChannel, ChannelOpening } from "./channel.ts";
import { Expiry } from "./expiry.ts";
import { pacedChannel } from "./paced-channel.ts";
import { dialRpc, type OpeningDraft, type RpcDialer } from "./rpc-dial.ts";
import { streamChannel } from "./stream-channel.ts";

export interface FarAgent {
  readonly peerId: string;
  readonly agent: string;
}

interface FarRequest {
  readonly opening: ChannelOpening;
  /** In whose name; undefined: the node's own. */
  readonly names: CallNames | undefined;
}

export interface FarChannels {
  /**
   * @throws PEER_NOT_FOUND, PEER_UNREACHABLE, AGENT_NOT_FOUND, AGENT_UNAVAILABLE, PROTOCOL_UNSUPPORTED,
   * TOO_MANY_STREAMS, CALL_CANCELLED.
   */
  open(to: FarAgent, request: FarRequest, wait: Wait): Promise<AgentChannel>;
  /** Ends every stream; what is under way fails. */
  close(): void;
}

export interface FarChannelsOptions extends RpcDialer {
  readonly pacer: Pacer;
  /** Told of each line that is passed to nobody. */
  readonly onDrop?: (() => void) | undefined;
}

export function createFarChannels(options: FarChannelsOptions): FarChannels {
  const { clock, pacer } = options;
  const expiry = new Expiry(clock);
  const lanes = new Map<string, AgentLane>();
  const open = new Set<AgentChannel>();
  const laneTo = (peerId: string, opening: OpeningDraft, names: CallNames | undefined): AgentLane => {
    const key = JSON.stringify([peerId, opening, names?.key]);
    const known = lanes.get(key);
    if (known !== undefined) return known;
    const fresh = new AgentLane({
      peerId,
      proto: opening.proto === "a2a" ? "a2a" : "mcp",
      clock,
      pacer,
      expiry,
      onDrop: options.onDrop,
      dial: () => dialRpc(options, { peerId, opening: { ...opening, ...names?.draft() } }),
      onEmpty: () => {
        if (lanes.get(key) === fresh) lanes.delete(key);
      },
    });
    lanes.set(key, fresh);
    return fresh;
  };
  return {
    async open({ peerId, agent }, { opening: { proto, mode, headers = {} }, names }, wait) {
      const opening: OpeningDraft = { to: agent, proto, mode, headers };
      if (mode === "call") return laneTo(peerId, opening, names).open();
      const named = { ...opening, ...names?.draft() };
      const { stream, acceptance } = await dialRpc(options, { peerId, opening: named }, wait);
      const raw = streamChannel(stream, acceptance);
      open.add(raw);
      void raw.closed.then(() => open.delete(raw));
      return pacedChannel(raw, { turn: (signal) => pacer.turn(peerId, signal) });
    },
    close() {
      const reason = new ProtocolError("STREAM_RESET", "the node stops");
      for (const lane of lanes.values()) lane.close(reason);
      for (const channel of open) channel.reset(reason.message);
      lanes.clear();
      expiry[Symbol.dispose]();
    },
  };
}
