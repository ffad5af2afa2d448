/** Callers written with MCP's SDKs, today's and an old one, with one face for tests. */

import { Client } from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { type AgentNode, channelTransport } from "../src/index.ts";

interface ToolOptions {
  readonly onprogress?: (progress: { readonly progress: number }) => void;
  readonly signal?: AbortSignal;
  readonly timeout?: number;
}

/** What the tests ask of a caller; both SDKs have it. */
export interface McpCaller extends AsyncDisposable {
  readonly logs: unknown[];
  tools(): Promise<readonly string[]>;
  call(name: string, given?: Record<string, unknown>, options?: ToolOptions): Promise<string>;
  resources(): Promise<readonly string[]>;
  read(uri: string): Promise<string>;
  prompt(name: string, given?: Record<string, string>): Promise<string>;
  level(level: "debug" | "emergency"): Promise<void>;
}

const NAME = { name: "caller", version: "1" };
const capabilities = { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } };
const SAMPLE = {
  model: "none",
  role: "assistant" as const,
  content: { type: "text" as const, text: "a sampled answer" },
};
const FORM = { action: "accept" as const, content: { name: "Ada Lovelace" } };
const ROOTS = { roots: [{ uri: "file:///work/of/the/caller", name: "the caller's folder" }] };

export type CallerKind = "current" | "old" | "pinned";

/** `current` finds out by itself what the agent speaks, `pinned` insists on 2026-07-28, `old` knows nothing newer than 2025-11-25. */
export async function mcpCaller(node: AgentNode, reference: string, kind: CallerKind): Promise<McpCaller> {
  const mode = kind === "pinned" ? "call" : "session";
  const channel = await node.open(reference, { proto: "mcp", mode }, { timeoutMs: 30_000 });
  const logs: unknown[] = [];
  const client = kind === "old" ? oldCaller(logs) : currentCaller(kind, logs);
  await client.connect(channelTransport(channel));
  return faceOf(client, logs);
}

function currentCaller(kind: CallerKind, logs: unknown[]): Client {
  const versionNegotiation = { mode: kind === "pinned" ? { pin: "2026-07-28" } : "auto" } as const;
  const client = new Client(NAME, { capabilities, versionNegotiation });
  client.setRequestHandler("sampling/createMessage", () => SAMPLE);
  client.setRequestHandler("elicitation/create", () => FORM);
  client.setRequestHandler("roots/list", () => ROOTS);
  client.setNotificationHandler("notifications/message", ({ params }) => void logs.push(params));
  return client;
}

function oldCaller(logs: unknown[]): OldClient {
  const client = new OldClient(NAME, { capabilities });
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLE);
  client.setRequestHandler(ElicitRequestSchema, () => FORM);
  client.setRequestHandler(ListRootsRequestSchema, () => ROOTS);
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logs.push(params));
  return client;
}

function faceOf(either: Client | OldClient, logs: unknown[]): McpCaller {
  // What the tests use of the two is the same.
  const client = either as OldClient;
  return {
    logs,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    async call(name, given = {}, options = {}) {
      const params = { name, arguments: given };
      const result =
        either instanceof Client
          ? await either.callTool(params, options)
          : await either.callTool(params, undefined, options);
      return textOf(result.content);
    },
    resources: async () => (await client.listResources()).resources.map(({ uri }) => uri),
    read: async (uri) => textOf((await client.readResource({ uri })).contents),
    async prompt(name, given = {}) {
      const { messages } = await client.getPrompt({ name, arguments: given });
      return textOf(messages.map(({ content }) => content));
    },
    async level(level) {
      await client.setLoggingLevel(level);
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function textOf(parts: unknown): string {
  const all = Array.isArray(parts) ? (parts as readonly { readonly text?: string }[]) : [];
  return all.map(({ text }) => text ?? "").join("\n");
}
