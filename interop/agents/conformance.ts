/**
 * The agent that MCP's own conformance suite examines: one factory for both revisions, hosted in a node's process
 * (`[[agents]]` with `factory = "conformance"`) or, when this file is run, as a program on its standard input.
 */

import { argv } from "node:process";
import { pathToFileURL } from "node:url";
import { randomBytes } from "node:crypto";
import type { AgentDefinition, McpFactory } from "@gridmesh/node";
import { createRequestStateCodec, McpServer, type ServerContext } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { addInputTools } from "./conformance-inputs.ts";
import { addPages } from "./conformance-pages.ts";
import { addTaskTools, TASK_TOOLS } from "./conformance-tasks.ts";
import { addTools } from "./conformance-tools.ts";

/** How a server gives its caller something to keep between two rounds, and knows it again. */
export interface StateKeeper {
  keep(content: unknown, ctx: ServerContext): Promise<string>;
  known(state: string, ctx: ServerContext): Promise<unknown>;
}

const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  logging: {},
  completions: {},
};

function makeServer(states: StateKeeper): McpServer {
  const server = new McpServer(
    { name: "conformance", version: "1.0.0" },
    {
      capabilities: CAPABILITIES,
      instructions: "Every tool, resource and prompt that MCP's conformance suite asks for.",
      requestState: { verify: (state, ctx) => states.known(state, ctx) },
    },
  );
  addTools(server);
  addInputTools(server, states);
  addPages(server);
  return server;
}

/** Public, as the suite has no token. Tasks are the node's: where it has none, tools for them would only be waited for. */
export function conformance(): AgentDefinition {
  const mcp: McpFactory = ({ sealState, openState }) => {
    const server = makeServer({
      keep: (content, ctx) => Promise.resolve(sealState(content as string, ctx.mcpReq.id)),
      known: (state, ctx) => Promise.resolve(openState(state, ctx.mcpReq.id)),
    });
    addTaskTools(server);
    return server;
  };
  return { capabilities: ["mcp.conformance"], mcp, taskTools: TASK_TOOLS };
}

/** Served on standard input and output, where no node seals for it. */
function serveAlone(): void {
  const codec = createRequestStateCodec({ key: randomBytes(32), bind: (ctx) => ctx.mcpReq.method });
  serveStdio(() =>
    makeServer({
      keep: (content, ctx) => codec.mint(content, ctx),
      known: (state, ctx) => codec.verify(state, ctx),
    }),
  );
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) serveAlone();
