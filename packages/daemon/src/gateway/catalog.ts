/** `GET /agents`: who is there, and under which address each face of it is served. */

import type { AgentNode } from "@gridmesh/node";
import { isProtocolError, type JsonObject, ProtocolError } from "@gridmesh/protocol";
import { type ListedAgent, listedIn, publicNames } from "./catalog-access.ts";
import { type GatewayCaller, Refusal } from "./guard.ts";
import { sendJson } from "./listener-http.ts";
import type { GatewayContext, GatewayFace, GatewayRequest } from "./listener-types.ts";
import { refusalOf } from "./mcp-message.ts";
import { openPins, type Pins } from "./mcp-pins.ts";

const LIST_MS = 10_000;

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
  return rows.map(({ address, row }) => {
    const place = encodeURIComponent(address);
    return {
      ...row,
      mcp: `${base}/mcp/${place}`,
      a2a: `${base}/a2a/${place}`,
      toolsHash: pins.hashOf(address, caller) ?? null,
    };
  });
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
