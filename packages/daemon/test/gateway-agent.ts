/** An agent for the tests of the gateway, written with the MCP SDK: it adds, tells steps, asks, waits, says things by itself. */

import { fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import type { AgentDefinition, McpFactory } from "@gridmesh/node";

/** Calls of `wait` that were cancelled. */
let cancelled = 0;

const factory: McpFactory = (context) => {
  const { caller } = context;
  const capabilities = { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} };
  const server = new McpServer({ name: "demo", version: "1" }, { capabilities });
  const numbers = fromJsonSchema<{ a: number; b: number }>({
    type: "object",
    properties: { a: { type: "number" }, b: { type: "number" } },
    required: ["a", "b"],
  });
  server.registerTool("add", { description: "Adds.", inputSchema: numbers }, ({ a, b }) =>
    text(String(a + b)),
  );
  server.registerTool("steps", { description: "Tells three steps." }, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken ?? 0;
    for (const progress of [1, 2, 3]) {
      await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress } });
    }
    return text("done");
  });
  server.registerTool("ask", { description: "Asks for a name." }, async (ctx) => {
    const answer = await ctx.mcpReq.elicitInput({
      message: "Who?",
      requestedSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    });
    return text(`hello ${String(answer.content?.["name"])}`);
  });
  server.registerTool("wait", { description: "Waits for ever." }, (ctx) => {
    const { signal } = ctx.mcpReq;
    const progressToken = ctx.mcpReq._meta?.progressToken ?? 0;
    return new Promise((_resolve, reject) => {
      void ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress: 1 } });
      signal.addEventListener("abort", () => {
        cancelled += 1;
        reject(new Error("cancelled"));
      });
    });
  });
  server.registerTool("cancelled", { description: "How many waits were cancelled." }, () =>
    text(String(cancelled)),
  );
  server.registerTool("whoami", { description: "Who calls." }, () =>
    text(
      JSON.stringify({ kind: caller.kind, user: caller.user ?? null, anonymous: caller.anonymous ?? false }),
    ),
  );
  server.registerTool("change", { description: "Says that its tools have changed." }, () => {
    context.changed("tools");
    return text("changed");
  });
  const marked: object = { type: "string", "x-mcp-header": "Region" };
  const region = fromJsonSchema<{ region: string }>({
    type: "object",
    properties: { region: marked },
    required: ["region"],
  });
  server.registerTool("there", { description: "Where.", inputSchema: region }, ({ region: where }) =>
    text(where),
  );
  return server;
};

function text(value: string) {
  return { content: [{ type: "text" as const, text: value }] };
}

/** What a config names. */
export function demo(): AgentDefinition {
  return { capabilities: ["demo.mcp"], mcp: factory };
}
