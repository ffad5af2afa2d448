/** MCP's SDK for agents, as far as the node uses it. */

import type { McpTransport } from "./mcp-transport.ts";

export interface McpSdk {
  /** Classes of its servers. */
  readonly own: readonly (new (...given: never[]) => object)[];
  readonly serve: (factory: Maker, options: ServeOptions) => { close(): Promise<void> };
}

type Maker = (context: { readonly era: "modern" | "legacy" }) => Promise<never>;

interface ServeOptions {
  readonly transport: McpTransport;
  readonly legacy: "serve" | "reject";
  readonly onerror: (error: Error) => void;
}

let loading: Promise<McpSdk> | undefined;

/** Loaded where first needed: most nodes host no such agent. */
export function loadMcpSdk(): Promise<McpSdk> {
  loading ??= Promise.all([
    import("@modelcontextprotocol/server"),
    import("@modelcontextprotocol/server/stdio"),
  ]).then(([{ McpServer, Server }, { serveStdio }]) => ({ own: [McpServer, Server], serve: serveStdio }));
  return loading;
}
