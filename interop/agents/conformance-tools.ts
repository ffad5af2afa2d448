/** Tools of the conformance agent that need nothing of their caller. */

import { setTimeout as sleep } from "node:timers/promises";
import {
  type CallToolResult,
  fromJsonSchema,
  type JsonSchemaType,
  type McpServer,
} from "@modelcontextprotocol/server";

/** One red pixel. */
export const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/** A header without a sample. */
const WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

const STEP_MS = 50;

const image = { type: "image" as const, data: PNG, mimeType: "image/png" };

export function text(value: string): CallToolResult {
  return { content: [{ type: "text", text: value }] };
}

export function addTools(server: McpServer): void {
  addContents(server);
  addLively(server);
  addChanges(server);
  addSchemas(server);
}

function addContents(server: McpServer): void {
  const tool = (name: string, description: string, result: CallToolResult) =>
    server.registerTool(name, { description }, () => result);
  tool("test_simple_text", "Gives a text", text("This is a simple text response for testing."));
  tool("test_image_content", "Gives a picture", { content: [image] });
  tool("test_audio_content", "Gives a sound", {
    content: [{ type: "audio", data: WAV, mimeType: "audio/wav" }],
  });
  tool("test_embedded_resource", "Gives a resource within its result", {
    content: [
      {
        type: "resource",
        resource: {
          uri: "test://embedded-resource",
          mimeType: "text/plain",
          text: "This is an embedded resource content.",
        },
      },
    ],
  });
  tool("test_multiple_content_types", "Gives a text, a picture and a resource", {
    content: [
      { type: "text", text: "Multiple content types test:" },
      image,
      {
        type: "resource",
        resource: {
          uri: "test://mixed-content-resource",
          mimeType: "application/json",
          text: JSON.stringify({ test: "data", value: 123 }),
        },
      },
    ],
  });
  server.registerTool("test_error_handling", { description: "Fails each time" }, () => {
    throw new Error("This tool intentionally returns an error for testing");
  });
  tool("test_streaming_elicitation", "Gives a text and asks for nothing", text("Nothing was asked."));
}

/** Tools that say something before they are done. */
function addLively(server: McpServer): void {
  server.registerTool(
    "test_tool_with_logging",
    { description: "Logs three times while it works" },
    async (ctx) => {
      await ctx.mcpReq.log("info", "Tool execution started");
      await sleep(STEP_MS);
      await ctx.mcpReq.log("info", "Tool processing data");
      await sleep(STEP_MS);
      await ctx.mcpReq.log("info", "Tool execution completed");
      return text("Three lines were logged.");
    },
  );
  server.registerTool(
    "test_tool_with_progress",
    { description: "Tells of its progress three times" },
    async (ctx) => {
      const progressToken = ctx.mcpReq._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progress > 0) await sleep(STEP_MS);
        if (progressToken === undefined) continue;
        const params = { progressToken, progress, total: 100 };
        await ctx.mcpReq.notify({ method: "notifications/progress", params });
      }
      return text("Progress was told three times.");
    },
  );
  server.registerTool("test_logging_tool", { description: "Logs once, to whom wants it" }, async (ctx) => {
    await ctx.mcpReq.log("info", "This line was asked for.");
    return text("Logged where it was asked for.");
  });
}

function addChanges(server: McpServer): void {
  server.registerTool(
    "test_trigger_tool_change",
    { description: "Says that the list of tools changed" },
    () => {
      server.sendToolListChanged();
      return text("The list of tools changed.");
    },
  );
  server.registerTool(
    "test_trigger_prompt_change",
    { description: "Says that the list of prompts changed" },
    () => {
      server.sendPromptListChanged();
      return text("The list of prompts changed.");
    },
  );
}

const MIRRORED = {
  type: "object",
  properties: {
    region: { type: "string", description: "Seen on the way by its header", "x-mcp-header": "Region" },
    query: { type: "string", description: "In the body alone" },
  },
  required: ["region", "query"],
};

/** As a text: an object that has a `then` of its own is taken for a promise. */
const CONDITION = `{
  "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
  "then": { "required": ["phone"] },
  "else": { "required": ["email"] }
}`;

const WIDE = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  ...(JSON.parse(CONDITION) as object),
  additionalProperties: false,
};

/** Tools whose schemas must arrive as they are. */
function addSchemas(server: McpServer): void {
  server.registerTool(
    "test_x_mcp_header",
    {
      description: "Has an argument that is mirrored in a header",
      inputSchema: fromJsonSchema<{ region: string }>(MIRRORED as JsonSchemaType),
    },
    ({ region }) => text(`Region: ${region}`),
  );
  server.registerTool(
    "json_schema_2020_12_tool",
    {
      description: "Tool with JSON Schema 2020-12 features",
      inputSchema: fromJsonSchema<{ name?: string }>(WIDE as JsonSchemaType),
    },
    ({ name = "nobody" }) => text(`Name: ${name}`),
  );
}
