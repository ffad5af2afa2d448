/** The card of an agent as A2A 1.0 has it: what its definition says, under the address it has on this network. */

import type { JsonObject } from "@gridmesh/protocol";

/** A2A's name for lines of JSON-RPC between peers; docs/A2A-BINDING.md. */
export const A2A_BINDING = "urn:gridmesh:a2a:rpc:1";
/** A2A 1.0 has no field for the skill that is meant: it travels in `message.metadata.skillId`. */
export const SKILL_EXTENSION = "urn:gridmesh:a2a:skill:1";

export const A2A_VERSION = "1.0";
export const A2A_OLD_VERSION = "0.3";

/** An ability as a card shows it. */
export interface CardSkill {
  readonly id: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly examples?: readonly string[] | undefined;
  /** Media types, where they differ from the card's own. */
  readonly inputModes?: readonly string[] | undefined;
  readonly outputModes?: readonly string[] | undefined;
  /** JSON Schema of the data part that the skill takes; told in the skill extension. */
  readonly inputSchema?: JsonObject | undefined;
}

/** What an agent says of itself in its card; a card of A2A's SDK is one too. Its address and signature are the node's. */
export interface CardDraft {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly version?: string | undefined;
  readonly documentationUrl?: string | undefined;
  readonly iconUrl?: string | undefined;
  readonly provider?: { readonly organization: string; readonly url: string } | undefined;
  readonly skills?: readonly CardSkill[] | undefined;
  readonly capabilities?: { readonly streaming?: boolean | undefined } | undefined;
  readonly defaultInputModes?: readonly string[] | undefined;
  readonly defaultOutputModes?: readonly string[] | undefined;
  /** Their versions alone count: which of 1.0 and 0.3 the agent speaks; both where there is none. */
  readonly supportedInterfaces?: readonly { readonly protocolVersion: string }[] | undefined;
}

export interface CardPlace {
  readonly nodeId: string;
  readonly agent: string;
}

/** The versions of A2A an agent speaks, best first. */
export function versionsOf(draft: CardDraft): readonly string[] {
  const listed = (draft.supportedInterfaces ?? []).map((one) => majorMinor(one.protocolVersion));
  if (listed.length === 0) return [A2A_VERSION, A2A_OLD_VERSION];
  return [A2A_VERSION, A2A_OLD_VERSION].filter((version) => listed.includes(version));
}

/** `1.0.3` is 1.0; no version at all is 0.3. */
export function majorMinor(version: string | undefined): string {
  if (version === undefined || version.trim() === "") return A2A_OLD_VERSION;
  return version.trim().split(".").slice(0, 2).join(".");
}

/** `gridmesh://<PeerId>/<agent>`. */
export function cardUrl({ nodeId, agent }: CardPlace): string {
  return `gridmesh://${nodeId}/${agent}`;
}

/** The card without its signature. */
export function makeCard(draft: CardDraft, place: CardPlace): JsonObject {
  const skills = draft.skills ?? [];
  const url = cardUrl(place);
  return {
    name: draft.name ?? place.agent,
    description: draft.description ?? `Agent ${place.agent} of ${place.nodeId}`,
    version: draft.version ?? "1.0.0",
    supportedInterfaces: versionsOf(draft).map((protocolVersion) => ({
      url,
      protocolBinding: A2A_BINDING,
      protocolVersion,
    })),
    ...optionalParts(draft),
    capabilities: {
      streaming: draft.capabilities?.streaming ?? true,
      pushNotifications: false,
      extendedAgentCard: false,
      extensions: [skillExtension(skills)],
    },
    defaultInputModes: [...(draft.defaultInputModes ?? ["application/json", "text/plain"])],
    defaultOutputModes: [...(draft.defaultOutputModes ?? ["application/json", "text/plain"])],
    skills: skills.map((skill) => skillOf(skill)),
  };
}

function optionalParts({ provider, documentationUrl, iconUrl }: CardDraft): JsonObject {
  return {
    ...(provider === undefined
      ? {}
      : { provider: { organization: provider.organization, url: provider.url } }),
    ...(documentationUrl === undefined ? {} : { documentationUrl }),
    ...(iconUrl === undefined ? {} : { iconUrl }),
  };
}

function skillOf({ id, name, description, tags, examples, inputModes, outputModes }: CardSkill): JsonObject {
  return {
    id,
    name: name ?? id,
    description: description ?? id,
    tags: [...(tags ?? [])],
    ...listed("examples", examples),
    ...listed("inputModes", inputModes),
    ...listed("outputModes", outputModes),
  };
}

function listed(name: string, values: readonly string[] | undefined): JsonObject {
  return values === undefined || values.length === 0 ? {} : { [name]: [...values] };
}

function skillExtension(skills: readonly CardSkill[]): JsonObject {
  const schemas = skills.flatMap(({ id, inputSchema }) =>
    inputSchema === undefined ? [] : [[id, inputSchema]],
  );
  return {
    uri: SKILL_EXTENSION,
    description: "message.metadata.skillId names the skill that is meant",
    required: false,
    ...(schemas.length === 0 ? {} : { params: { inputSchemas: Object.fromEntries(schemas) as JsonObject } }),
  };
}
