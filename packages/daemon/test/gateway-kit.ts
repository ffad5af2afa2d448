import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { configOf, gridmesh, type RunningDaemon, startedDaemon, temporaryHome } from "./running.ts";

const LOUD = fileURLToPath(new URL("gateway-loud-agent.ts", import.meta.url));
const AGENT = fileURLToPath(new URL("gateway-agent.ts", import.meta.url));

export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

type Headings = Readonly<Record<string, string>>;

type Asked = [target: string, method: string, params?: Readonly<Record<string, unknown>>, headers?: Headings];

/** A daemon with the agents `demo` and `loud` (network), `secret` (private) and `open` (public), and how to ask its gateway. */
export interface TestGateway extends AsyncDisposable {
  readonly daemon: RunningDaemon;
  urlOf(target?: string): URL;
  /** The operator's, or the one given. */
  bearer(token?: string): Headings;
  /** A new token of scope agent. */
  token(name: string, ...more: string[]): Promise<string>;
  /** The operator's request, unless the headers say otherwise. */
  post(target: string, body: string, headers?: Headings): Promise<Told>;
  /** A request of 2026-07-28 with the headers it must have. */
  ask(...asked: Asked): Promise<Told>;
  /** A POST to the control API. */
  control(path: string, body: object, headers?: Headings): Promise<Told>;
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

/** A request that wants to hear of progress. */
export function withToken(request: string): string {
  return request.replace('"_meta":{', '"_meta":{"progressToken":7,');
}

export const codeOf = ({ text }: Told) => (JSON.parse(text) as { error?: { code: number } }).error?.code;

function loudRow(): string {
  return `[[agents]]\nname = "loud"\naccess = "network"\nmodule = ${JSON.stringify(LOUD)}\nfactory = "loud"\n`;
}

function agentRow(name: string, access: string): string {
  return `[[agents]]\nname = "${name}"\naccess = "${access}"\nmodule = ${JSON.stringify(AGENT)}\nfactory = "demo"\n`;
}

/** @param settings - lines of config.toml above the agents */
export async function openedGateway(
  network: string,
  settings = "",
  bootstrap: readonly string[] = [],
): Promise<TestGateway> {
  await using undo = new AsyncDisposableStack();
  const { home } = undo.use(temporaryHome());
  const more = `control.listen = "127.0.0.1:0"\n${settings}\n${agentRow("demo", "network")}${agentRow("secret", "private")}${agentRow("open", "public")}${loudRow()}`;
  const daemon = undo.use(await startedDaemon(home, { config: configOf({ network, bootstrap, more }) }));
  const operator = readFileSync(join(home, "control.token"), "utf8").trim();
  const bearer = (token = operator) => ({ authorization: `Bearer ${token}` });
  const urlOf = (target = "") => new URL(`${daemon.node.gateway}/mcp/${encodeURIComponent(target)}`);
  const sent = async (url: URL, body: string, headers: Headings): Promise<Told> => {
    const accept = "application/json, text/event-stream";
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept, ...bearer(), ...headers },
      body,
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const post: TestGateway["post"] = (target, body, headers = {}) => sent(urlOf(target), body, headers);
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
    ask(...[target, method, params = {}, headers = {}]) {
      const name = params["name"] ?? params["uri"];
      const named: Headings = typeof name === "string" ? { "mcp-name": name } : {};
      return post(target, call(method, params), { ...VERSION, "mcp-method": method, ...named, ...headers });
    },
    control: (path, body, headers = {}) =>
      sent(new URL(`${daemon.node.gateway}/v1/${path}`), JSON.stringify(body), headers),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
