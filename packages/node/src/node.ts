/** The face of a running node. */

import type { Extension, JsonValue } from "@gridmesh/protocol";
import type { BecknExchange, Offer, OfferOrder, OrderOptions, SearchIntent } from "./beckn/types.ts";
import type { NodeCards } from "./cards.ts";
import type { Wait } from "./clock.ts";
import type { Finding } from "./findings.ts";
import type { MetricFamily } from "./metrics.ts";
import type { AgentOptions, Registration } from "./host/agent-list.ts";
import type { MarketClock } from "./market-clock.ts";
import type { AgentSource } from "./host/host-agent.ts";
import type { AgentKind } from "./host/in-process.ts";
import type { AgentChannel, LocalUser, OpenRequest } from "./route/channel.ts";
import type { NetworkSnapshot } from "./network/snapshot.ts";
import type { Registry } from "./registry/types.ts";
import type { TradeDesk } from "./trade/types.ts";

export type NodeState = "starting" | "running" | "draining" | "stopped";

/** An agent of this node, for those who look at it. */
export interface HostedAgentView {
  readonly name: string;
  /** `<nodeId>:<name>`. */
  readonly address: string;
  readonly agentId: string;
  readonly kind: AgentKind;
  readonly state: "starting" | "ready" | "failed" | "stopped";
  readonly reason?: string;
  readonly capabilities: readonly string[];
  readonly access: string;
  readonly inFlight: number;
  readonly callsTotal: number;
  readonly errorsTotal: number;
}

/** A peer this node is linked with, knows of, or has banned. */
export interface NodePeer {
  readonly peerId: string;
  readonly state: "connected" | "known" | "banned";
  readonly reason?: string;
  readonly addresses: readonly string[];
  readonly direction: "inbound" | "outbound" | null;
  readonly latencyMs: number | null;
  readonly connectedAtMs: number | null;
  /** What both agreed on in hello; absent before. */
  readonly agreed?: { readonly version: string; readonly features: readonly string[] };
  /** By its silence, once it has greeted: suspect after 45 s, dead after 75. */
  readonly health?: "healthy" | "suspect" | "dead";
}

/** The local list of agents. */
export interface NodeAgents {
  /**
   * Hosts code of this process, or `{ command, args }`, a program that speaks MCP on its input and output.
   * @throws AGENT_NAME_TAKEN, ADDRESS_INVALID (no agent name), QUOTA_EXCEEDED, INVALID_PARAMS, AGENT_START_FAILED.
   */
  register(name: string, definition: AgentSource, options?: AgentOptions): Registration;
  /** Withdraws it, lets its calls end, stops it. @throws AGENT_NOT_FOUND. */
  unregister(name: string): Promise<void>;
  /** In order of registration. */
  list(): readonly HostedAgentView[];
}

/** A ban in force. */
export interface NodeBan {
  /** PeerId, agent_id, IP address, or a /24 or /64. */
  readonly subject: string;
  readonly kind: "peer" | "agent" | "ip" | "net";
  /** The error that led to it; UNAUTHORIZED when the operator decided. */
  readonly code: string;
  /** Wall ms since the epoch. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** How many in a row. */
  readonly strikes: number;
  /** `node` or `operator`. */
  readonly by: string;
}

/** Whom this node turns away; kept over restarts. */
export interface NodeBans {
  /** In force, newest first. */
  list(): readonly NodeBan[];
  /**
   * Bans a PeerId or an agent_id and leaves the peer; default five minutes, doubled with each ban before.
   * @throws INVALID_PARAMS when it is neither, or this node's own.
   */
  ban(subject: string, forMs?: number): void;
  /** False when there was no such ban. */
  lift(subject: string): boolean;
}

/** Messages of anybody's making, `ext:<name>`: those registered are acted upon, others only counted. */
export interface NodeExtensions {
  /** Answers messages of this name and major until disposed. @throws CONFIG_INVALID (no such name, taken). */
  register<Data>(extension: Extension<Data>): Disposable;
  /** Names and majors, sorted. */
  list(): readonly string[];
  /** Unknown ones that were optional, hence dropped, by name. */
  readonly dropped: ReadonlyMap<string, number>;
  /** Told of each of them. */
  onUnknown(
    fn: (unknown: {
      readonly name: string;
      readonly extensionVersion: string;
      readonly signerId: string;
      readonly peerId: string;
    }) => void,
  ): Disposable;
  /**
   * Sends one to a peer, signed by the node.
   * @throws the peer's refusal is not waited for; PEER_UNREACHABLE, STREAM_RESET, CALL_TIMEOUT, OVERLOADED.
   */
  send(to: string, message: ExtensionDraft, wait?: Wait): Promise<void>;
}

export interface ExtensionDraft {
  /** `ext:<name>`. */
  readonly name: string;
  /** `<major>.<minor>`. */
  readonly version: string;
  readonly data: JsonValue;
  /** Who does not know it drops it in silence; default false. */
  readonly optional?: boolean | undefined;
}

/** How long to wait, and in whose name. */
export interface NamedWait extends Wait {
  /** Default: the operator. */
  readonly as?: LocalUser | undefined;
}

/** Something an agent said before it was done, or its result. */
export type StreamMessage =
  | { readonly kind: "notification"; readonly method: string; readonly params: JsonValue }
  | { readonly kind: "result"; readonly result: JsonValue };

/** What an agent asks its caller in between: sampling, elicitation or roots, of either revision of MCP. */
export interface InputRequest {
  readonly method: string;
  readonly params: JsonValue;
}

export interface StreamOptions extends NamedWait {
  /** Answers what the agent asks; without it agents that ask get an error. */
  readonly onInput?: ((request: InputRequest) => Promise<JsonValue> | JsonValue) | undefined;
}

/** One peer with one key, its agents, its links, its books. */
export interface AgentNode extends AsyncDisposable {
  /** PeerId. */
  readonly id: string;
  /** Own multiaddrs, each ending in /p2p/<id>. */
  readonly addresses: readonly string[];
  readonly networkName: string;
  readonly state: NodeState;
  readonly agents: NodeAgents;
  readonly registry: Registry;
  readonly market: MarketClock;
  readonly desk: TradeDesk;
  readonly beckn: BecknExchange;
  readonly bans: NodeBans;
  readonly extensions: NodeExtensions;
  readonly cards: NodeCards;
  /** Settles when the node has stopped; rejects with DISK_FAILED when the disk stopped it. */
  readonly ended: Promise<void>;
  peers(): readonly NodePeer[];
  /** Links with a multiaddr or a PeerId; the peer's id. @throws ADDRESS_INVALID, PEER_UNREACHABLE, PEER_NOT_FOUND. */
  connect(target: string, wait?: Wait): Promise<string>;
  /** Round trip to a linked peer, ms. @throws ADDRESS_INVALID, PEER_UNREACHABLE, CALL_TIMEOUT. */
  ping(peerId: string, wait?: Wait): Promise<number>;
  /** Addresses of a peer, from the DHT. @throws ADDRESS_INVALID, PEER_NOT_FOUND, DHT_FAILED. */
  find(peerId: string, wait?: Wait): Promise<readonly string[]>;
  /** Hangs up and stays away until `connect`. @throws ADDRESS_INVALID. */
  disconnect(peerId: string): Promise<void>;
  /**
   * Calls `node:agent/method`, `node/method`, `cap:capability/method` or a bare method, in the name of one of this
   * node's users or of the operator.
   * @throws ADDRESS_INVALID, AGENT_NOT_FOUND, METHOD_NOT_FOUND, PEER_NOT_FOUND, PEER_UNREACHABLE, NO_PROVIDER,
   * CALL_TIMEOUT, CALL_CANCELLED, STREAM_RESET, DRAINING or the agent's own code.
   */
  call(address: string, params?: JsonValue, wait?: NamedWait): Promise<JsonValue>;
  /** As `call`, for an agent (`agent1`, `<PeerId>:agent1`) and a method. */
  callAgent(target: string, method: string, params?: JsonValue, wait?: NamedWait): Promise<JsonValue>;
  /**
   * As `call`, with what the agent says meanwhile: notifications as they come, last the result; A2A streams have many
   * results. Leaving the loop ends the call. Default time limit 600 s, of those that listen none.
   * @throws as `call`; PROTOCOL_UNSUPPORTED when the agent asks and nobody answers.
   */
  stream(address: string, params?: JsonValue, options?: StreamOptions): AsyncIterable<StreamMessage>;
  /**
   * A channel of JSON-RPC lines to an agent (`agent1`, `<PeerId>:agent1`, `cap:<capability>`) or to a node's own methods
   * (`node`, `<PeerId>:node`), opened in the name of one of this node's users or of the operator; `wait` is for the
   * opening alone.
   * @throws as `call`; PROTOCOL_UNSUPPORTED, AGENT_UNAVAILABLE, AGENT_START_FAILED, QUOTA_EXCEEDED.
   */
  open(reference: string, opening: OpenRequest, wait?: Wait): Promise<AgentChannel>;
  /**
   * One live agent for `cap:<capability>`, as `<PeerId>:<agent>`: who keeps to it talks to the same one.
   * @throws ADDRESS_INVALID, NO_PROVIDER, CALL_CANCELLED.
   */
  resolve(reference: string, wait?: Wait): Promise<string>;
  /** Offers for an intent as they come, asked as the named agent or the first. @throws AGENT_NOT_FOUND. */
  search(
    intent: SearchIntent,
    options: Wait & { readonly windowMs: number; readonly as?: string | undefined },
  ): AsyncIterable<Offer>;
  /**
   * Orders one offer, as the named agent or the first: `await node.order(offer).confirm()`, or step by step.
   * @throws AGENT_NOT_FOUND, INVALID_PARAMS (more than is offered).
   */
  order(offer: Offer, options?: OrderOptions & { readonly as?: string | undefined }): OfferOrder;
  /** What is wrong, critical first. */
  findings(): readonly Finding[];
  snapshot(): NetworkSnapshot;
  /** Every metric of the table as it stands; names without the prefix `gridmesh_`. */
  metrics(): readonly MetricFamily[];
  /** Withdraws, drains, stops the agents, closes; within 5 s, or at once with 0. */
  stop(options?: { readonly deadlineMs?: number | undefined }): Promise<void>;
}
