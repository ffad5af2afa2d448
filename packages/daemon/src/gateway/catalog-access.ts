/** Which agents callers without a token may reach: those that their own node calls public. */

import type { AgentNode } from "@gridmesh/node";
import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import { isObject } from "./mcp-message.ts";

const ASK_MS = 10_000;
const KEPT_MS = 10_000;
const MOST_KEPT = 256;

interface Heard {
  readonly atMs: number;
  readonly names: Promise<ReadonlySet<string>>;
}

const heardOf = new WeakMap<AgentNode, Map<string, Heard>>();

/** Names of a node's public agents, as it told a moment ago. @throws the codes of a call. */
export function publicNames(node: AgentNode, nodeId: string): Promise<ReadonlySet<string>> {
  const heard = heardOf.get(node) ?? new Map<string, Heard>();
  heardOf.set(node, heard);
  const known = heard.get(nodeId);
  if (known !== undefined && performance.now() - known.atMs < KEPT_MS) return known.names;
  const names = ask(node, nodeId);
  heard.delete(nodeId);
  heard.set(nodeId, { atMs: performance.now(), names });
  // What failed is asked again at once.
  names.catch(() => heard.delete(nodeId));
  const [oldest] = heard.keys();
  if (heard.size > MOST_KEPT && oldest !== undefined) heard.delete(oldest);
  return names;
}

async function ask(node: AgentNode, nodeId: string): Promise<ReadonlySet<string>> {
  const rows = listedIn(await node.call(`${nodeId}:node/list_agents`, {}, { timeoutMs: ASK_MS }));
  return new Set(rows.filter(({ access }) => access === "public").map(({ name }) => name));
}

/** A row of `node/list_agents`: what is read of it, and the whole. */
export interface ListedAgent {
  readonly name: string;
  /** `<PeerId>:<name>`. */
  readonly address: string;
  readonly access: string;
  readonly status: string;
  readonly kind: string;
  readonly capabilities: readonly string[];
  readonly row: JsonObject;
}

/** The rows in an answer to `node/list_agents`; what is none is left out. */
export function listedIn(answer: JsonValue): readonly ListedAgent[] {
  const rows = isObject(answer) ? answer["agents"] : undefined;
  return (Array.isArray(rows) ? (rows as readonly JsonValue[]) : []).flatMap((row) => {
    if (!isObject(row)) return [];
    const { name, address, capabilities } = row;
    if (typeof name !== "string" || typeof address !== "string") return [];
    const words = Array.isArray(capabilities) ? (capabilities as readonly JsonValue[]) : [];
    return {
      name,
      address,
      access: textOf(row["access"]),
      status: textOf(row["status"]),
      kind: textOf(row["kind"]),
      capabilities: words.filter((word) => typeof word === "string"),
      row,
    };
  });
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** The one agent that a reference means. @throws AGENT_NOT_FOUND when it is not public; NO_PROVIDER and the like. */
export async function publicAgent(node: AgentNode, named: string, signal: AbortSignal): Promise<string> {
  const reference = named.startsWith("cap:")
    ? await node.resolve(named, { timeoutMs: ASK_MS, signal })
    : named;
  const colon = reference.indexOf(":");
  const [nodeId, name] =
    colon < 0 ? ["local", reference] : [reference.slice(0, colon), reference.slice(colon + 1)];
  // Here the router itself tells public agents from others.
  if (nodeId === "local" || nodeId === node.id || (await publicNames(node, nodeId)).has(name))
    return reference;
  throw new ProtocolError("AGENT_NOT_FOUND", `no agent ${name} here`);
}
