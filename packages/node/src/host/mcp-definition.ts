/** MCP's methods of an agent that is defined by its tools, resources and prompts. */

import { type JsonObject, type JsonValue, messageOf, ProtocolError } from "@gridmesh/protocol";
import type {
  AgentDefinition,
  CallContext,
  MethodHandler,
  PromptDefinition,
  ResourceDefinition,
  ToolDefinition,
} from "../agent.ts";
import { isObject } from "./mcp-words.ts";

/** Entries of one page of a list. */
const PAGE = 100;

/** Names live in a Map, never on an object. */
export function definedMethods(definition: AgentDefinition): ReadonlyMap<string, MethodHandler> {
  const tools = new Map(Object.entries(definition.tools ?? {}));
  const resources = new Map(Object.entries(definition.resources ?? {}));
  const prompts = new Map(Object.entries(definition.prompts ?? {}));
  const plain = [...resources].filter(([uri]) => !uri.includes("{"));
  const templates = [...resources].filter(([uri]) => uri.includes("{"));
  const listed = (key: string, rows: readonly JsonObject[]): MethodHandler => {
    return (params) => page(key, rows, params);
  };
  return new Map<string, MethodHandler>([
    ["ping", () => ({})],
    ["tools/list", listed("tools", [...tools].map(toolRow))],
    ["tools/call", (params, context) => callTool(tools, params, context)],
    [
      "resources/list",
      listed(
        "resources",
        plain.map(([uri, one]) => ({ uri, ...resourceRow(uri, one) })),
      ),
    ],
    [
      "resources/templates/list",
      listed(
        "resourceTemplates",
        templates.map(([uriTemplate, one]) => ({ uriTemplate, ...resourceRow(uriTemplate, one) })),
      ),
    ],
    ["resources/read", (params, context) => readResource(resources, params, context)],
    ["prompts/list", listed("prompts", [...prompts].map(promptRow))],
    ["prompts/get", (params, context) => getPrompt(prompts, params, context)],
  ]);
}

/** What an agent of this definition can do, in MCP's words; its lists stay as they are. */
export function definedCapabilities({ tools, resources, prompts }: AgentDefinition): JsonObject {
  return {
    ...(tools === undefined ? {} : { tools: {} }),
    ...(resources === undefined ? {} : { resources: {} }),
    ...(prompts === undefined ? {} : { prompts: {} }),
  };
}

/** A tool's own failure is a result, for whoever reasons about it; of a stranger's error the text stays here. */
export function toolFailure(error: unknown, tool: string): JsonObject {
  const text =
    error instanceof ProtocolError ? `${error.code}: ${messageOf(error)}` : `the tool ${tool} failed`;
  return { content: [{ type: "text", text }], isError: true };
}

/** Is this tool known? @throws INVALID_PARAMS. */
export function knownTool(definition: AgentDefinition, params: JsonValue | undefined): string {
  const name = isObject(params) ? params["name"] : undefined;
  if (typeof name === "string" && Object.hasOwn(definition.tools ?? {}, name)) return name;
  throw new ProtocolError("INVALID_PARAMS", `no tool ${JSON.stringify(name ?? null)}`);
}

function page(key: string, rows: readonly JsonObject[], params: JsonValue): JsonObject {
  const cursor = isObject(params) ? params["cursor"] : undefined;
  const from = cursor === undefined ? 0 : Number(cursor);
  if (cursor !== undefined && (typeof cursor !== "string" || !(from > 0 && from < rows.length))) {
    throw new ProtocolError("INVALID_PARAMS", "no such cursor");
  }
  const next = from + PAGE;
  return {
    [key]: rows.slice(from, next),
    ...(next < rows.length ? { nextCursor: String(next) } : {}),
  };
}

function toolRow([name, tool]: readonly [string, ToolDefinition]): JsonObject {
  const { description, inputSchema, annotations } = tool;
  return { name, description, inputSchema, ...(annotations === undefined ? {} : { annotations }) };
}

function resourceRow(uri: string, { name = uri, description, mimeType }: ResourceDefinition): JsonObject {
  return { name, description, ...(mimeType === undefined ? {} : { mimeType }) };
}

function promptRow([name, prompt]: readonly [string, PromptDefinition]): JsonObject {
  const rows = Object.entries(prompt.arguments ?? {}).map(
    ([argument, { description, required = false }]) => ({
      name: argument,
      ...(description === undefined ? {} : { description }),
      required,
    }),
  );
  return { name, description: prompt.description, ...(rows.length === 0 ? {} : { arguments: rows }) };
}

async function callTool(
  tools: ReadonlyMap<string, ToolDefinition>,
  params: JsonValue,
  context: CallContext,
): Promise<JsonValue> {
  const { name, arguments: given = {} } = named(params);
  const tool = typeof name === "string" ? tools.get(name) : undefined;
  if (tool === undefined) {
    throw new ProtocolError("INVALID_PARAMS", `no tool ${JSON.stringify(name ?? null)}`);
  }
  const result = await tool.handler(given, context);
  const structured = isObject(result);
  return {
    content: [{ type: "text", text: textOf(result) }],
    ...(structured ? { structuredContent: result } : {}),
  };
}

async function readResource(
  resources: ReadonlyMap<string, ResourceDefinition>,
  params: JsonValue,
  context: CallContext,
): Promise<JsonValue> {
  const { uri } = named(params);
  const resource = typeof uri === "string" ? resourceAt(resources, uri) : undefined;
  if (resource === undefined || typeof uri !== "string") {
    const data = typeof uri === "string" ? { uri } : {};
    throw new ProtocolError("INVALID_PARAMS", "no such resource", { data });
  }
  const content = await resource.read(uri, context);
  const { mimeType } = resource;
  const body = isObject(content) && typeof content["blob"] === "string" ? content : { text: textOf(content) };
  return { contents: [{ uri, ...(mimeType === undefined ? {} : { mimeType }), ...body }] };
}

function resourceAt(
  resources: ReadonlyMap<string, ResourceDefinition>,
  uri: string,
): ResourceDefinition | undefined {
  const exact = uri.includes("{") ? undefined : resources.get(uri);
  if (exact !== undefined) return exact;
  return [...resources].find(([template]) => template.includes("{") && fits(template, uri))?.[1];
}

/** Each `{name}` stands for one or more characters without a slash. */
function fits(template: string, uri: string): boolean {
  const parts = template.split(/\{[^{}]*\}/);
  const pattern = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join("[^/]+");
  return new RegExp(`^${pattern}$`).test(uri);
}

async function getPrompt(
  prompts: ReadonlyMap<string, PromptDefinition>,
  params: JsonValue,
  context: CallContext,
): Promise<JsonValue> {
  const { name, arguments: given } = named(params);
  const prompt = typeof name === "string" ? prompts.get(name) : undefined;
  if (prompt === undefined) {
    throw new ProtocolError("INVALID_PARAMS", `no prompt ${JSON.stringify(name ?? null)}`);
  }
  const words = isObject(given) ? given : {};
  for (const [argument, { required = false }] of Object.entries(prompt.arguments ?? {})) {
    if (required && typeof words[argument] !== "string") {
      throw new ProtocolError("INVALID_PARAMS", `the prompt needs ${argument}`);
    }
  }
  const said = await prompt.messages(words as Readonly<Record<string, string>>, context);
  const messages = Array.isArray(said)
    ? (said as readonly JsonValue[])
    : [{ role: "user", content: { type: "text", text: textOf(said) } }];
  return { description: prompt.description, messages };
}

function textOf(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

function named(params: JsonValue): JsonObject {
  if (isObject(params)) return params;
  throw new ProtocolError("INVALID_PARAMS", "params of a call by name are an object");
}
