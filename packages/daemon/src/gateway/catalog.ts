/** `GET /agents`: who is there, and under which address each face of it is served. */

import type { AgentNode } from "@gridmesh/node";
import { isProtocolError, type JsonObject, ProtocolError } from "@gridmesh/protocol";
import { type ListedAgent, listedIn, publicNames } from "./catalog-access.ts";
import { type GatewayCaller, Refusal } from "./guard.ts";
import { sendJson } from "./listener-http.ts";
import type { GatewayContext, GatewayFace, GatewayRequest } from "./listener-types.ts";
import { refusalOf } from "./mcp-message.ts";
import { toolsOf } from "./mcp-meta-call.ts";
import { openPins, type Pins, toolsHash } from "./mcp-pins.ts";

const LIST_MS = 10_000;
const HASH_MS = 1_000;

export function openCatalog(context: GatewayContext): GatewayFace {
  const pins = openPins(context.home);
  return {
    async take(asked) {
      if (asked.request.method !== "GET") {
        throw new Refusal(405, new ProtocolError("INVALID_REQUEST", "GET only"), { allow: "GET" });
      }
      try {
        const agents = await catalogOf(asked, context, pins);
        sendJson(asked.response, { status: 200, text: JSON.stringify({ agents }) });
      } catch (error) {
        throw isProtocolError(error) ? refusalFor(error) : error;
      }
    },
    [Symbol.dispose]: () => undefined,
  };
}

async function catalogOf(
  { query, caller }: GatewayRequest,
  context: GatewayContext,
  pins: Pins,
): Promise<JsonObject[]> {
  const { node } = context;
  const base = context.url() ?? "";
  const rows = await agentsFor(node, caller, {
    scope: query.get("scope") ?? "known",
    capability: query.get("capability") ?? undefined,
  });
  const hashes = await Promise.all(rows.map((row) => hashOf(row, { node, caller, pins })));
  return rows.map(({ address, row }, index) => {
    const place = encodeURIComponent(address);
    return {
      ...row,
      mcp: `${base}/mcp/${place}`,
      a2a: `${base}/a2a/${place}`,
      toolsHash: hashes[index] ?? null,
    };
  });
}

/** Of the tools that were first seen of an agent; those in this process are asked, no program is started for it. */
async function hashOf(
  { address, kind, status }: ListedAgent,
  { node, caller, pins }: { readonly node: AgentNode; readonly caller: GatewayCaller; readonly pins: Pins },
): Promise<string | undefined> {
  const known = pins.hashOf(address, caller);
  if (known !== undefined || !isOwn(node, address) || kind !== "module" || status !== "ready") return known;
  const signal = AbortSignal.timeout(HASH_MS);
  const tools = await toolsOf(node, address, { caller, signal }).catch(() => undefined);
  return tools === undefined ? undefined : toolsHash(tools);
}

/** The agents a gateway's caller may see. @throws INVALID_PARAMS. */
export async function agentsFor(
  node: AgentNode,
  caller: GatewayCaller,
  query: { readonly scope: string; readonly capability?: string | undefined },
): Promise<readonly ListedAgent[]> {
  const { scope, capability } = query;
  const params = { scope, ...(capability === undefined ? {} : { capability }) };
  const rows = listedIn(await node.call("node/list_agents", params, { timeoutMs: LIST_MS }));
  const reached = rows.filter(({ address, name }) => {
    return caller.mayReach(address) || (isOwn(node, address) && caller.mayReach(`local:${name}`));
  });
  if (!caller.anonymous) return reached;
  const isPublic = await Promise.all(reached.map((row) => publicRow(node, row)));
  return reached.filter((_row, index) => isPublic[index] === true);
}

async function publicRow(node: AgentNode, { address, name, access }: ListedAgent): Promise<boolean> {
  if (isOwn(node, address)) return access === "public";
  const nodeId = address.slice(0, address.indexOf(":"));
  // A node that does not answer has no agent that could be called.
  return (await publicNames(node, nodeId).catch(() => new Set<string>())).has(name);
}

function isOwn(node: AgentNode, address: string): boolean {
  return address.startsWith(`${node.id}:`);
}

function refusalFor(error: ProtocolError): Refusal {
  return error.code === "INVALID_PARAMS" ? new Refusal(400, error) : refusalOf(error);
}
