/** An MCP program that speaks 2026-07-28 alone. */

import { McpServer, acceptedContent, inputRequired } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

function make(): McpServer {
  const server = new McpServer({ name: "modern-only", version: "1" }, { capabilities: { tools: {} } });
  const requestedSchema = { type: "object" as const, properties: { name: { type: "string" as const } } };
  server.registerTool("greet", { description: "Asks who is there" }, (ctx) => {
    const given = acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, "who");
    if (given !== undefined) return { content: [{ type: "text", text: `Hello, ${given.name}` }] };
    return inputRequired({
      inputRequests: { who: inputRequired.elicit({ message: "Who?", requestedSchema }) },
    });
  });
  return server;
}

serveStdio(make, { legacy: "reject" });
