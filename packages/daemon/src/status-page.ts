/** The page for monitors and people with curl: GET only, no token, nothing secret, asked for under known names alone. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ControlContext } from "./control/context.ts";
import { LOOPBACK_NAMES, listenFailure, listenPlace, onlyHost } from "./listening.ts";
import { healthOf } from "./control/node-routes.ts";

const HEADERS_TIMEOUT_MS = 5_000;
const PROFILE_TIMEOUT_MS = 1_000;

export interface StatusPage extends AsyncDisposable {
  /** `host:port` as bound. */
  readonly address: string;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** @throws PORT_IN_USE; CONFIG_INVALID for an address this machine does not have. */
export async function openStatusPage(listen: string, context: ControlContext): Promise<StatusPage> {
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) => {
    void answer(request, response, context);
  });
  const place = listenPlace(listen);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(listenFailure(error, "status.listen", listen)),
    );
    server.listen(place.port, place.address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `${place.name}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  context: ControlContext,
): Promise<void> {
  const page = await pageFor(request, context).catch((): Page => ({
    status: 500,
    type: "text/plain",
    text: "the node could not say\n",
  }));
  response.writeHead(page.status, {
    "content-type": `${page.type}; charset=utf-8`,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  });
  response.end(request.method === "HEAD" ? undefined : page.text);
}

async function pageFor(request: IncomingMessage, context: ControlContext): Promise<Page> {
  const wrong = wrongName(request, context.config.status.hosts);
  if (wrong !== undefined) return wrong;
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { status: 405, type: "text/plain", text: "GET only\n" };
  }
  const path = new URL(request.url ?? "/", "http://localhost").pathname;
  if (path === "/health") {
    const { ready, findings } = healthOf(context);
    return json({ ready, findings }, ready ? 200 : 503);
  }
  if (path === "/metrics") {
    const { text, contentType } = await context.metricsText();
    return { status: 200, type: contentType.replace("; charset=utf-8", ""), text };
  }
  if (path === "/registry") return json({ agents: registryRows(context) });
  if (path === "/profile") return json(await profileOf(context));
  return { status: 404, type: "text/plain", text: "/health /metrics /registry /profile\n" };
}

/** A page in somebody's browser may reach loopback under a name of its own: only known names are served. */
function wrongName(request: IncomingMessage, allowed: readonly string[]): Page | undefined {
  const named = onlyHost(request.rawHeaders);
  if (named === undefined)
    return { status: 400, type: "text/plain", text: "exactly one Host header, please\n" };
  const name = named.replace(/:\d+$/, "");
  if ([...LOOPBACK_NAMES, ...allowed].some((known) => known === name || known === named)) return undefined;
  return { status: 421, type: "text/plain", text: "not under this name; see status.hosts\n" };
}

function json(value: unknown, status = 200): Page {
  return { status, type: "application/json", text: `${JSON.stringify(value, null, 2)}\n` };
}

function registryRows(context: ControlContext): unknown[] {
  return context.node.registry.known().map(({ name, address, agentId, capabilities, presence }) => ({
    name,
    address,
    agentId,
    capabilities,
    presence,
  }));
}

/** What the node's agents say of themselves; one that has no profile is listed by name. */
async function profileOf(context: ControlContext): Promise<unknown> {
  const { node } = context;
  const agents = await Promise.all(
    node.agents.list().map(async ({ name, agentId, state, capabilities }) => {
      const profile = await ownProfile(context, name).catch(() => null);
      return { name, agentId, state, capabilities, profile };
    }),
  );
  return { nodeId: node.id, network: node.networkName, agents };
}

async function ownProfile(context: ControlContext, name: string): Promise<unknown> {
  const result = await context.node.call(
    `local:${name}/tools/call`,
    { name: "energy-trading-actions", arguments: { op: "profile" } },
    { timeoutMs: PROFILE_TIMEOUT_MS },
  );
  return (result as { structuredContent?: unknown }).structuredContent ?? null;
}
