/** A face of A2A by itself: channels to it, and callers of A2A's SDK over them. */

import { AgentCard } from "@a2a-js/sdk";
import { type Client, ClientFactory, ClientFactoryOptions } from "@a2a-js/sdk/client";
import type { AgentExecutor } from "@a2a-js/sdk/server";
import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import type { Caller } from "../src/agent.ts";
import { systemClock } from "../src/clock.ts";
import { executorBackend } from "../src/host/a2a-backend.ts";
import { a2aChannel } from "../src/host/a2a-channel.ts";
import { A2aFace } from "../src/host/a2a-face.ts";
import { loadA2a } from "../src/host/a2a-sdk.ts";
import { channelTransportFactory } from "../src/host/a2a-transport.ts";
import type { CardDraft } from "../src/host/card.ts";
import { identityFromSeed } from "../src/identity.ts";
import { TaskRoom } from "../src/host/a2a-task-room.ts";
import { silentLog } from "../src/log.ts";
import type { AgentChannel, ChannelOpening } from "../src/route/channel.ts";

export const nodeIdentity = identityFromSeed(new Uint8Array(32).fill(1));
export const agentKey = identityFromSeed(new Uint8Array(32).fill(2));
export const ALICE: Caller = { kind: "peer", peerId: "12D3KooWAlice" };
export const BOB: Caller = { kind: "peer", peerId: "12D3KooWBob" };

export interface FaceRig {
  readonly face: A2aFace;
  /** As when the agent is unregistered. */
  readonly stop: () => void;
  readonly open: (caller: Caller, opening?: Partial<ChannelOpening>) => AgentChannel;
  /** A caller of the SDK. */
  readonly client: (caller?: Caller) => Promise<Client>;
  /** One request on a channel of its own; the answer's object. */
  readonly ask: (
    request: JsonObject,
    headers?: Readonly<Record<string, string>>,
    caller?: Caller,
  ) => Promise<JsonObject>;
}

export async function faceRig(
  executor: AgentExecutor,
  card: CardDraft,
  clock = systemClock(),
): Promise<FaceRig> {
  const sdk = await loadA2a();
  let ids = 0;
  const room = {
    name: "sample",
    nodeId: nodeIdentity.peerId,
    signer: agentKey.signer,
    clock,
    log: silentLog(),
    newId: () => `id-${(ids += 1)}`,
    allows: () => true,
    tasks: new TaskRoom(),
  };
  const draft = () => Promise.resolve(card);
  const face = new A2aFace(
    sdk,
    room,
    await executorBackend(sdk, room, { executor, draft, needsSkill: false }),
  );
  const stop = new AbortController();
  const open = (caller: Caller, opening: Partial<ChannelOpening> = {}) =>
    a2aChannel({
      face,
      opening: { proto: "a2a", mode: "call", ...opening },
      context: { caller, signal: new AbortController().signal },
      stop: stop.signal,
      onBegin: () => undefined,
      onEnd: () => undefined,
    });
  return {
    face,
    stop: () => stop.abort(),
    open,
    async client(caller = ALICE) {
      const transport = await channelTransportFactory(
        () => (opening) => Promise.resolve(open(caller, opening)),
      );
      return clientOf(transport, await face.card(caller));
    },
    async ask(request, headers = { "a2a-version": "1.0" }, caller = ALICE) {
      const channel = open(caller, { headers });
      channel.send(JSON.stringify({ jsonrpc: "2.0", ...request }));
      channel.end();
      for await (const line of channel.lines) return JSON.parse(line) as JsonObject;
      throw new Error("no answer");
    },
  };
}

type Transport = Awaited<ReturnType<typeof channelTransportFactory>>;

export function clientOf(transport: Transport, card: JsonValue): Promise<Client> {
  const options = ClientFactoryOptions.createFrom(ClientFactoryOptions.default, { transports: [transport] });
  return new ClientFactory(options).createFromAgentCard(AgentCard.fromJSON(card));
}
