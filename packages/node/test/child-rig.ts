/** Nodes that host programs of their own, for tests. */

import { fileURLToPath } from "node:url";
import type { JsonValue } from "@gridmesh/protocol";
import {
  type AgentNode,
  type ChildDefinition,
  createNode,
  memory,
  memoryHub,
  systemProcesses,
} from "../src/index.ts";
import type { NodeOptions } from "../src/node-options.ts";
import { NETWORK } from "./node-fixture.ts";

const small = fileURLToPath(new URL("./children/mcp-program.ts", import.meta.url));

/** The small program of these tests. */
export function smallProgram(...flags: readonly string[]): ChildDefinition {
  return { command: process.execPath, args: [small, ...flags] };
}

/** A program from npm, unmodified. */
export function program(name: string, ...args: readonly string[]): ChildDefinition {
  const path = fileURLToPath(
    new URL(`../../../node_modules/@modelcontextprotocol/${name}/dist/index.js`, import.meta.url),
  );
  return { command: process.execPath, args: [path, ...args] };
}

export async function nodeWithChildren(
  agents: Readonly<Record<string, ChildDefinition>>,
  options: Partial<NodeOptions> & { readonly max?: number } = {},
): Promise<AgentNode> {
  const { max, ...rest } = options;
  return createNode({
    network: memory({ hub: memoryHub({ seed: 5 }) }),
    networkName: NETWORK,
    children: { processes: systemProcesses(), env: process.env, max },
    agents: Object.entries(agents).map(([name, definition]) => ({ name, definition })),
    ...rest,
  });
}

/** The text of a tool's answer. */
export async function callTool(
  node: AgentNode,
  tool: `${string}/${string}`,
  given: JsonValue = {},
): Promise<string> {
  const [agent = "", name = ""] = tool.split("/");
  const params = { name, arguments: given };
  return textOf(await node.call(`local:${agent}/tools/call`, params, { timeoutMs: 30_000 }));
}

export function textOf(result: JsonValue): string {
  const { content } = result as { content: readonly { text?: string }[] };
  return content.map(({ text }) => text ?? "").join("");
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
