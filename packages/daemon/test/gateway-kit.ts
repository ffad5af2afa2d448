import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { configOf, gridmesh, type RunningDaemon, startedDaemon, temporaryHome } from "./running.ts";

const AGENT = fileURLToPath(new URL("gateway-agent.ts", import.meta.url));

export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

type Headings = Readonly<Record<string, string>>;

/** A daemon with the agents `demo` (network) and `secret` (private), and how to ask its gateway. */
export interface TestGateway extends AsyncDisposable {
  readonly daemon: RunningDaemon;
  urlOf(target: string): URL;
  /** The operator's, or the one given. */
  bearer(token?: string): Headings;
  /** A new token of scope agent. */
  token(name: string, ...more: string[]): Promise<string>;
  /** The operator's request, unless the headers say otherwise. */
  post(target: string, body: string, headers?: Headings): Promise<Told>;
  /** A request of 2026-07-28 with the headers it must have. */
  ask(target: string, method: string, params?: Readonly<Record<string, unknown>>): Promise<Told>;
}

export const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};
export const VERSION = { "mcp-protocol-version": "2026-07-28" };
export const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}';

/** The body of a request of 2026-07-28. */
export function call(method: string, params: object = {}, id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: META } });
}

export const codeOf = ({ text }: Told) => (JSON.parse(text) as { error?: { code: number } }).error?.code;

export function agentRow(name: string, access: string): string {
  return `[[agents]]\nname = "${name}"\naccess = "${access}"\nmodule = ${JSON.stringify(AGENT)}\nfactory = "demo"\n`;
}

export async function openedGateway(network: string, settings = ""): Promise<TestGateway> {
  await using undo = new AsyncDisposableStack();
  const { home } = undo.use(temporaryHome());
  const more = `control.listen = "127.0.0.1:0"\n${settings}\n${agentRow("demo", "network")}${agentRow("secret", "private")}`;
  const daemon = undo.use(await startedDaemon(home, { config: configOf({ network, more }) }));
  const operator = readFileSync(join(home, "control.token"), "utf8").trim();
  const bearer = (token = operator) => ({ authorization: `Bearer ${token}` });
  const urlOf = (target: string) => new URL(`${daemon.node.gateway}/mcp/${encodeURIComponent(target)}`);
  const post: TestGateway["post"] = async (target, body, headers = {}) => {
    const accept = "application/json, text/event-stream";
    const response = await fetch(urlOf(target), {
      method: "POST",
      headers: { "content-type": "application/json", accept, ...bearer(), ...headers },
      body,
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const kept = undo.move();
  return {
    daemon,
    urlOf,
    bearer,
    post,
    async token(name, ...words) {
      const made = await gridmesh(home, "token", "add", name, "--scope", "agent", "--json", ...words);
      return (JSON.parse(made.stdout) as { readonly token: string }).token;
    },
    ask(target, method, params = {}) {
      const name = params["name"] ?? params["uri"];
      const named: Headings = typeof name === "string" ? { "mcp-name": name } : {};
      return post(target, call(method, params), { ...VERSION, "mcp-method": method, ...named });
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
