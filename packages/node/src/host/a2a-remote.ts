/** An A2A agent elsewhere as an agent of this node: its card says where it is, its skills are tools here. */

import { type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { Access, AgentDefinition } from "../agent.ts";
import type { AgentChannel } from "../route/channel.ts";
import type { AgentState } from "../route/types.ts";
import type { A2aBackend } from "./a2a-face.ts";
import type { A2aRoom } from "./a2a-room.ts";
import type { A2aSdk } from "./a2a-sdk.ts";
import { type Credentials, RemoteA2aCaller } from "./a2a-remote-client.ts";
import { RemoteHandler } from "./a2a-remote-handler.ts";
import type { CardDraft } from "./card.ts";
import type { HostedAgent } from "./in-process.ts";

/** How the operator names an A2A agent elsewhere. */
export interface RemoteA2aDefinition {
  /** URL of its card. */
  readonly card: string;
  /** The node's own credentials there; callers' are never passed on. */
  readonly headers?: Credentials | undefined;
  readonly capabilities?: readonly string[] | undefined;
}

export interface RemoteA2aAgentOptions {
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly definition: RemoteA2aDefinition;
  /** For the card's own address, and for those that it tells; both judge each connection. */
  readonly fetch: typeof fetch;
  readonly learnedFetch?: typeof fetch | undefined;
}

/** @throws INVALID_PARAMS. */
export function hostRemoteA2a(options: RemoteA2aAgentOptions): HostedAgent {
  const { name, definition } = options;
  if (URL.canParse(definition.card) && /^https?:$/.test(new URL(definition.card).protocol)) {
    return new RemoteA2aAgent(options);
  }
  throw new ProtocolError("INVALID_PARAMS", `agent ${name}: card is the http(s) URL of an A2A card`);
}

/** Whether a source names an A2A agent elsewhere. */
export function isRemoteA2a(source: object): source is RemoteA2aDefinition {
  return "card" in source && typeof source.card === "string";
}

class RemoteA2aAgent implements HostedAgent {
  readonly kind = "a2a";
  readonly name: string;
  readonly agentId: string;
  readonly access: Access;
  readonly definition: AgentDefinition;
  readonly capabilities: readonly string[];
  readonly inFlight = 0;
  readonly callsTotal = 0;
  readonly errorsTotal = 0;
  state: AgentState = "starting";
  reason: string | undefined;
  readonly #options: RemoteA2aAgentOptions;

  constructor(options: RemoteA2aAgentOptions) {
    const { name, agentId, access, definition } = options;
    this.name = name;
    this.agentId = agentId;
    this.access = access;
    this.capabilities = definition.capabilities ?? [];
    this.definition = { capabilities: this.capabilities };
    this.#options = options;
  }

  /** What stands behind its A2A face; its MCP face is made of it. */
  a2aBackend(sdk: A2aSdk, { clock, log, name }: A2aRoom): Promise<A2aBackend> {
    const { definition, fetch, learnedFetch } = this.#options;
    const { card: url, headers } = definition;
    const remote = new RemoteA2aCaller({ url, headers, fetch, learnedFetch, clock, log: log.child(name) });
    const handler = new RemoteHandler(sdk, remote);
    return Promise.resolve({
      draft: async () => draftOf((await remote.reach()).card),
      handler,
      needsSkill: false,
      checkRoom: () => undefined,
      owns: (owner, taskId) => handler.owns(owner, taskId),
      close: () => undefined,
    });
  }

  become(state: AgentState, reason?: string): void {
    this.state = state;
    this.reason = reason;
  }

  idle(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  call(method: string): Promise<JsonValue> {
    return Promise.reject(new ProtocolError("METHOD_NOT_FOUND", `agent ${this.name} has no ${method}`));
  }

  open(): Promise<AgentChannel> {
    return Promise.reject(new ProtocolError("PROTOCOL_UNSUPPORTED", `agent ${this.name} speaks A2A`));
  }
}

const MAX_TEXT = 2_000;

/** What a stranger says of itself, no longer than it need be; its address and its push are its own node's business. */
function draftOf(card: Awaited<ReturnType<RemoteA2aCaller["reach"]>>["card"]): CardDraft {
  const { name, description, version, skills, capabilities, defaultInputModes, defaultOutputModes } = card;
  return {
    name: shown(name),
    description: shown(description),
    version: shown(version),
    skills: skills.map((skill) => ({
      id: skill.id,
      name: shown(skill.name),
      description: shown(skill.description),
      tags: skill.tags,
      examples: skill.examples.map((example) => shown(example)),
      inputModes: skill.inputModes,
      outputModes: skill.outputModes,
    })),
    capabilities: { streaming: capabilities?.streaming ?? false },
    defaultInputModes,
    defaultOutputModes,
  };
}

/** Without signs that control a terminal or turn the direction of writing. */
function shown(text: string): string {
  return text.slice(0, MAX_TEXT).replaceAll(/[\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, " ");
}
