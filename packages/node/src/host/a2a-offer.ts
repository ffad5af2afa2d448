/** An A2A face for what speaks MCP on channels and is no agent of the list: its tools are its skills. */

import { ProtocolError } from "@gridmesh/protocol";
import type { AgentChannel, ChannelContext, ChannelOpening } from "../route/channel.ts";
import type { LocalAgent } from "../route/types.ts";
import { executorBackend } from "./a2a-backend.ts";
import { a2aChannel } from "./a2a-channel.ts";
import { A2aFace } from "./a2a-face.ts";
import type { A2aRoom } from "./a2a-room.ts";
import { loadA2a } from "./a2a-sdk.ts";
import { ToolSkills } from "./adapters-skills.ts";
import { ToolExecutor } from "./adapters-tool-executor.ts";
import type { CardDraft } from "./card.ts";

/** Opens a channel for one caller. */
export type OpenChannel = (opening: ChannelOpening, context: ChannelContext) => Promise<AgentChannel>;

/** What is offered: how its MCP channels are opened, and what its card says of it. */
export interface OfferedMcp {
  readonly open: OpenChannel;
  readonly card: CardDraft;
}

/** Channels of A2A to what is offered, until it is disposed of. */
export interface A2aOffer extends Disposable {
  /** @throws PROTOCOL_UNSUPPORTED for any other proto. */
  readonly open: OpenChannel;
}

export function offerAsA2a({ open, card }: OfferedMcp, room: A2aRoom): A2aOffer {
  const stop = new AbortController();
  let face: Promise<A2aFace> | undefined;
  return {
    async open(opening, context) {
      if (opening.proto !== "a2a" || opening.mode === "session") {
        throw new ProtocolError("PROTOCOL_UNSUPPORTED", "a2a has modes call and listen");
      }
      face ??= openFace(open, card, room);
      const none = () => undefined;
      const { signal } = stop;
      return a2aChannel({ face: await face, opening, context, stop: signal, onBegin: none, onEnd: none });
    },
    [Symbol.dispose]() {
      stop.abort();
      face?.then(
        (opened) => opened.close(),
        () => undefined,
      );
    },
  };
}

function openFace(open: OpenChannel, card: CardDraft, room: A2aRoom): Promise<A2aFace> {
  const agent: LocalAgent = {
    name: room.name,
    agentId: room.signer.agentId,
    access: "network",
    state: "ready",
    capabilities: [],
    call: (method) => Promise.reject(new ProtocolError("METHOD_NOT_FOUND", `${room.name} has no ${method}`)),
    open,
  };
  return toolsFace(agent, card, room);
}

/** The A2A face of an MCP agent. */
export async function toolsFace(agent: LocalAgent, card: CardDraft, room: A2aRoom): Promise<A2aFace> {
  const sdk = await loadA2a();
  const skills = new ToolSkills(agent, room.clock, room.nodeId);
  const draft = async () => ({ ...(await skills.draft()), ...card });
  const executor = new ToolExecutor({ agent, sdk, room });
  const parts = { executor, draft, needsSkill: true, means: "tools/call" };
  return new A2aFace(sdk, room, await executorBackend(sdk, room, parts));
}
