/** Cards of agents, wherever they live: read over a channel, verified, and given out again in this node's name. */

import type { TransportFactory } from "@a2a-js/sdk/client";
import {
  fromRpcError,
  type JsonObject,
  ProtocolError,
  type Signer,
  uuidV7,
  type VerifyEngine,
} from "@gridmesh/protocol";
import type { Clock, Random, Wait } from "./clock.ts";
import { startDeadline } from "./deadline.ts";
import { type A2aOffer, type OfferedMcp, offerAsA2a } from "./host/a2a-offer.ts";
import { TaskRoom } from "./host/a2a-task-room.ts";
import { exchangeA2a } from "./host/a2a-exchange.ts";
import { channelTransportFactory } from "./host/a2a-transport.ts";
import type { CardPlace } from "./host/card.ts";
import { signCard, soundCard, verifyCard } from "./host/card-signature.ts";
import { nodeLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { AgentNode } from "./node.ts";
import type { LocalUser } from "./route/channel.ts";
import { readTarget } from "./route/target.ts";

/** An address at which an agent is offered, as its card lists it. */
export interface CardInterface {
  readonly url: string;
  readonly protocolBinding: string;
  readonly protocolVersion: string;
}

export interface CardRead extends Wait {
  /** In whose name it is asked for; default the operator's. */
  readonly as?: LocalUser | undefined;
}

/** What agents say of themselves to callers of A2A. */
export interface NodeCards {
  /**
   * The card of an agent (`agent1`, `<PeerId>:agent1`, `cap:<capability>`), signed by its own key; fields that A2A does
   * not know are left out.
   * @throws SIGNATURE_INVALID when it is not its own; what `open` throws.
   */
  read(reference: string, options?: CardRead): Promise<JsonObject>;
  /** The same for a card that was read already. @throws ADDRESS_INVALID, SIGNATURE_INVALID. */
  check(card: JsonObject, reference: string): Promise<JsonObject>;
  /** A card under other addresses, signed by this node: its `kid` is the PeerId. */
  readdress(card: JsonObject, interfaces: readonly CardInterface[]): Promise<JsonObject>;
  /** Channels of A2A to what speaks MCP on channels and is none of this node's agents: its tools are skills. */
  offer(name: string, mcp: OfferedMcp): A2aOffer;
}

export interface CardsOptions {
  readonly node: Pick<AgentNode, "id" | "open" | "resolve" | "registry">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly engine: VerifyEngine;
  readonly signer: Signer;
}

export function nodeCards({ node, clock, random, log, engine, signer }: CardsOptions): NodeCards {
  const tasks = new TaskRoom();
  const checkAt = async (card: JsonObject, place: CardPlace) => {
    // Who told us over a link of its own which key it has, has this one and no other.
    const known = node.registry.known().find((row) => row.confirmed && isAt(row, place));
    await verifyCard(card, { engine, place, kid: known?.agentId });
    return soundCard(card);
  };
  return {
    async read(reference, options = {}) {
      using deadline = startDeadline(clock, options, nodeLimits.callTimeoutMs);
      const { signal } = deadline;
      const place = await placeOf(node, reference, { timeoutMs: deadline.leftMs(), signal });
      const wait = { timeoutMs: deadline.leftMs(), signal };
      const exchange = await exchangeA2a(
        (opening) => node.open(`${place.nodeId}:${place.agent}`, { ...opening, as: options.as }, wait),
        { body: CARD_REQUEST, signal },
      );
      return checkAt(cardIn(exchange.kind === "answer" ? exchange.line : "{}"), place);
    },
    async check(card, reference) {
      return checkAt(card, await placeOf(node, reference, {}));
    },
    async readdress(card, interfaces) {
      const { signatures: _signatures, ...rest } = await soundCard(card);
      const shown = interfaces.map(({ url, protocolBinding, protocolVersion }) => ({
        url,
        protocolBinding,
        protocolVersion,
      }));
      return signCard({ ...rest, supportedInterfaces: shown }, signer, node.id);
    },
    offer(name, mcp) {
      const newId = () => uuidV7(clock.nowMs(), random);
      return offerAsA2a(mcp, { name, nodeId: node.id, signer, clock, log, newId, tasks, allows: () => true });
    },
  };
}

/** `gridmesh://` for `ClientFactory` of A2A's SDK: `transports: [await a2aTransport(node)]`. */
export function a2aTransport(node: Pick<AgentNode, "open">, as?: LocalUser): Promise<TransportFactory> {
  return channelTransportFactory((reference) => (opening) => node.open(reference, { ...opening, as }));
}

/** Where the agent that is meant lives. @throws ADDRESS_INVALID, NO_PROVIDER. */
async function placeOf(node: CardsOptions["node"], reference: string, wait: Wait): Promise<CardPlace> {
  const target = readTarget(reference);
  if (target.kind === "capability") return placeOf(node, await node.resolve(reference, wait), wait);
  const nodeId = target.nodeId === "local" ? node.id : target.nodeId;
  return { nodeId, agent: target.kind === "node" ? "node" : target.agent };
}

function isAt(row: { readonly nodeId: string; readonly name: string }, place: CardPlace): boolean {
  return row.nodeId === place.nodeId && row.name === place.agent;
}

const CARD_REQUEST = '{"jsonrpc":"2.0","id":1,"method":"GetAgentCard","params":{}}';

function cardIn(line: string): JsonObject {
  const { error, result } = JSON.parse(line) as JsonObject;
  if (error !== undefined) throw fromRpcError(error);
  if (typeof result === "object" && result !== null && !Array.isArray(result)) return result as JsonObject;
  throw new ProtocolError("SIGNATURE_INVALID", "there is no card");
}
