/** The program's side of the control API: everything a CLI verb can do, over the daemon's unix socket. */

import { request as httpRequest } from "node:http";
import type { BuyStep } from "@gridmesh/node";
import {
  type BookSnapshot,
  fromRpcError,
  type JsonObject,
  type JsonValue,
  ProtocolError,
} from "@gridmesh/protocol";
import type {
  AddedAgentView,
  AgentView,
  AuditView,
  BanView,
  ClockView,
  ConfigValueView,
  FindingView,
  HealthView,
  LedgerView,
  MetricFamiliesView,
  MetricsView,
  NodeView,
  PeerView,
  PingView,
  RegistryRowView,
  TraceView,
  TradeView,
} from "./control/types.ts";
import type { Purchase } from "./control/trade-buy.ts";

export interface ControlWait {
  /** Default 10,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ControlRequest extends ControlWait {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Under `/v1/`, without the leading slash. */
  readonly path: string;
  readonly body?: JsonValue | undefined;
}

export interface AgentToAdd {
  readonly name: string;
  readonly source: JsonObject;
  readonly access: "private" | "network" | "public";
  /** Kept in config.toml; default true. */
  readonly save?: boolean;
}

export interface ControlReply {
  readonly status: number;
  readonly body: unknown;
}

/** Every endpoint of a running daemon. All methods throw NOT_RUNNING, CALL_TIMEOUT or the daemon's own code. */
export interface ControlClient {
  readonly socketPath: string;
  health(wait?: ControlWait): Promise<HealthView>;
  node(wait?: ControlWait): Promise<NodeView>;
  /** Asks the daemon to stop; resolves when it has begun to. */
  stop(options?: ControlWait & { readonly now?: boolean }): Promise<void>;
  peers(wait?: ControlWait): Promise<readonly PeerView[]>;
  /** `address` ends in /p2p/<PeerId>, unless the profile is testnet. */
  connect(address: string, options?: ControlWait & { readonly unban?: boolean }): Promise<PeerView>;
  /** Hangs up and stays away until `connect`; with `banMs` the peer is refused for as long, whoever dials. */
  disconnect(peerId: string, options?: ControlWait & { readonly banMs?: number | undefined }): Promise<void>;
  /** Round trips to a linked peer, one after the other. */
  ping(peerId: string, count: number, wait?: ControlWait): Promise<PingView>;
  /** Addresses of a peer, from the DHT. @throws PEER_NOT_FOUND, DHT_FAILED */
  findPeer(peerId: string, wait?: ControlWait): Promise<readonly string[]>;
  bans(wait?: ControlWait): Promise<readonly BanView[]>;
  /** @throws PEER_NOT_FOUND when there is no such ban */
  liftBan(subject: string, wait?: ControlWait): Promise<void>;
  agents(wait?: ControlWait): Promise<readonly AgentView[]>;
  /** Hosts another agent; `source` is what a table of `[[agents]]` holds. @throws AGENT_NAME_TAKEN, AGENT_START_FAILED */
  addAgent(agent: AgentToAdd, wait?: ControlWait): Promise<AddedAgentView>;
  /** Whether it stood in config.toml too. @throws AGENT_NOT_FOUND */
  removeAgent(name: string, wait?: ControlWait): Promise<{ readonly saved: boolean }>;
  registry(
    query?: { readonly capability?: string; readonly text?: string; readonly scope?: string },
    wait?: ControlWait,
  ): Promise<readonly RegistryRowView[]>;
  /** Calls `<node>:<agent>/<method>`, `local:<agent>/…`, `cap:<word>/…` or `node/…`. */
  call(address: string, params: JsonValue, wait?: ControlWait): Promise<JsonValue>;
  trades(wait?: ControlWait): Promise<readonly TradeView[]>;
  /** Buys by hand, the cheapest first; each seller that was asked, and its answer. @throws OFFER_NOT_FOUND, AGENT_NOT_FOUND */
  buy(
    purchase: Omit<Purchase, "currency"> & { readonly currency?: string },
    wait?: ControlWait,
  ): Promise<readonly BuyStep[]>;
  /** Every order of one transaction on this node. @throws ORDER_NOT_FOUND */
  trade(transactionId: string, wait?: ControlWait): Promise<readonly TradeView[]>;
  trace(transactionId: string, wait?: ControlWait): Promise<TraceView>;
  /** The text of a file that proves what this node knows of a transaction. @throws ORDER_NOT_FOUND */
  bundle(transactionId: string, options?: ControlWait & { readonly redact?: boolean }): Promise<string>;
  ledger(wait?: ControlWait): Promise<LedgerView>;
  books(wait?: ControlWait): Promise<readonly BookSnapshot[]>;
  audit(wait?: ControlWait): Promise<AuditView>;
  findings(wait?: ControlWait): Promise<readonly FindingView[]>;
  config(wait?: ControlWait): Promise<readonly ConfigValueView[]>;
  metrics(wait?: ControlWait): Promise<MetricsView>;
  /** Every metric of the node's table. */
  metricFamilies(wait?: ControlWait): Promise<MetricFamiliesView["families"]>;
  /** Every metric of the process in Prometheus' text form. */
  metricsText(wait?: ControlWait): Promise<string>;
  clock(wait?: ControlWait): Promise<ClockView>;
  /** @throws UNAUTHORIZED unless `lab.enabled`. */
  setClock(state: ClockView, wait?: ControlWait): Promise<ClockView>;
  request(request: ControlRequest): Promise<ControlReply>;
}

/** A client of the daemon listening on `socketPath`; connects per request, so it needs no closing. */
export function controlClient(socketPath: string): ControlClient {
  const send = (request: ControlRequest) => exchange(socketPath, request);
  const ask = async (request: ControlRequest): Promise<unknown> => {
    const reply = await send(request);
    if (reply.status >= 400) throw errorOf(reply);
    return reply.body;
  };
  const get = async <T>(path: string, wait?: ControlWait): Promise<T> =>
    (await ask({ method: "GET", path, ...wait })) as T;
  const post = async <T>(path: string, body: JsonValue, wait?: ControlWait): Promise<T> =>
    (await ask({ method: "POST", path, body, ...wait })) as T;

  return {
    socketPath,
    request: send,
    // 503 is an answer here: alive, not ready.
    health: async (wait) => (await send({ method: "GET", path: "health", ...wait })).body as HealthView,
    node: (wait) => get("node", wait),
    stop: (options) => post<void>("node/stop", { now: options?.now ?? false }, options),
    peers: async (wait) => (await get<{ peers: PeerView[] }>("peers", wait)).peers,
    connect: async (address, options) => {
      const body = { address, unban: options?.unban ?? false };
      return (await post<{ peer: PeerView }>("peers/connect", body, options)).peer;
    },
    disconnect: async (peerId, options) => {
      const ban = options?.banMs === undefined ? "" : `?banMs=${options.banMs}`;
      await ask({ method: "DELETE", path: `peers/${encodeURIComponent(peerId)}${ban}`, ...options });
    },
    ping: async (peerId, count, wait) =>
      (await post<{ ping: PingView }>(`peers/${encodeURIComponent(peerId)}/ping`, { count }, wait)).ping,
    findPeer: async (peerId, wait) =>
      (await get<{ addresses: string[] }>(`peers/${encodeURIComponent(peerId)}/find`, wait)).addresses,
    bans: async (wait) => (await get<{ bans: BanView[] }>("bans", wait)).bans,
    liftBan: async (subject, wait) => {
      await ask({ method: "DELETE", path: `bans/${encodeURIComponent(subject)}`, ...wait });
    },
    ...agentCalls(ask),
    registry: async (query, wait) =>
      (await get<{ agents: RegistryRowView[] }>(`registry${queryText(query ?? {})}`, wait)).agents,
    call: (address, params, wait) => rpc(send, { address, params, wait }),
    buy: (purchase, wait) => buy(ask, purchase, wait),
    trades: async (wait) => (await get<{ trades: TradeView[] }>("trades", wait)).trades,
    trade: async (id, wait) =>
      (await get<{ trades: TradeView[] }>(`trades/${encodeURIComponent(id)}`, wait)).trades,
    trace: (id, wait) => get(`trades/${encodeURIComponent(id)}/trace`, wait),
    bundle: async (id, options) => {
      const path = `trades/${encodeURIComponent(id)}/bundle?redact=${options?.redact ?? false}`;
      return (await get<{ bundle: string }>(path, options)).bundle;
    },
    ledger: (wait) => get("ledger", wait),
    books: async (wait) => (await get<LedgerView>("ledger", wait)).books,
    audit: async (wait) => (await post<{ audit: AuditView }>("ledger/audit", {}, wait)).audit,
    findings: async (wait) => (await get<{ findings: FindingView[] }>("findings", wait)).findings,
    config: async (wait) => (await get<{ values: ConfigValueView[] }>("config", wait)).values,
    metrics: (wait) => get("metrics", wait),
    metricFamilies: async (wait) => (await get<MetricFamiliesView>("metrics/families", wait)).families,
    metricsText: async (wait) => (await get<{ text: string }>("metrics/text", wait)).text,
    clock: (wait) => get("lab/clock", wait),
    setClock: (state, wait) => post("lab/clock", { ...state }, wait),
  };
}

type Ask = (request: ControlRequest) => Promise<unknown>;

async function buy(
  ask: Ask,
  ...[{ agent, currency, ...amounts }, wait]: Parameters<ControlClient["buy"]>
): Promise<readonly BuyStep[]> {
  const named = {
    ...(agent === undefined ? {} : { agent }),
    ...(currency === undefined ? {} : { currency }),
  };
  const reply = await ask({ method: "POST", path: "trades", body: { ...amounts, ...named }, ...wait });
  return (reply as { readonly purchase: readonly BuyStep[] }).purchase;
}

function agentCalls(ask: Ask): Pick<ControlClient, "agents" | "addAgent" | "removeAgent"> {
  return {
    async agents(wait) {
      return ((await ask({ method: "GET", path: "agents", ...wait })) as { agents: AgentView[] }).agents;
    },
    async addAgent(agent, wait) {
      return (await ask({ method: "POST", path: "agents", body: { ...agent }, ...wait })) as AddedAgentView;
    },
    async removeAgent(name, wait) {
      const path = `agents/${encodeURIComponent(name)}`;
      return (await ask({ method: "DELETE", path, ...wait })) as { saved: boolean };
    },
  };
}

async function rpc(
  send: (request: ControlRequest) => Promise<ControlReply>,
  call: { address: string; params: JsonValue; wait: ControlWait | undefined },
): Promise<JsonValue> {
  const timeoutMs = call.wait?.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const body = { jsonrpc: "2.0", id: 1, method: call.address, params: call.params, meta: { timeoutMs } };
  // The daemon ends the call itself; ours is the later limit so that its code arrives.
  const reply = await send({ method: "POST", path: "rpc", body, ...call.wait, timeoutMs: timeoutMs + 1_000 });
  if (reply.status >= 400) throw errorOf(reply);
  const answer = reply.body as { result?: JsonValue; error?: unknown };
  if (answer.error !== undefined) throw fromRpcError(answer.error);
  return answer.result ?? null;
}

const DEFAULT_TIMEOUT_MS = 10_000;

function exchange(socketPath: string, request: ControlRequest): Promise<ControlReply> {
  return new Promise((resolve, reject) => {
    const text = request.body === undefined ? undefined : JSON.stringify(request.body);
    const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const outgoing = httpRequest({
      socketPath,
      method: request.method,
      path: `/v1/${request.path}`,
      // One connection per request: nothing to keep alive, nothing to close.
      agent: false,
      headers:
        text === undefined
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    const deadline = setTimeout(() => {
      outgoing.destroy(new ProtocolError("CALL_TIMEOUT", `the daemon did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const fail = (error: Error) => {
      clearTimeout(deadline);
      reject(failureOf(error, socketPath));
    };
    outgoing.once("error", fail);
    outgoing.once("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", fail);
      response.once("end", () => {
        clearTimeout(deadline);
        try {
          resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString("utf8")) });
        } catch (error) {
          fail(error as Error);
        }
      });
    });
    outgoing.end(text);
  });
}

function parsed(text: string): unknown {
  return text === "" ? undefined : JSON.parse(text);
}

const ABSENT = new Set(["ENOENT", "ECONNREFUSED", "ENOTSOCK", "EACCES"]);
const BROKEN_OFF = new Set(["ECONNRESET", "EPIPE"]);

function failureOf(error: Error, socketPath: string): Error {
  if (error instanceof ProtocolError || error.name === "AbortError") return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== undefined && ABSENT.has(code)) {
    return new ProtocolError("NOT_RUNNING", `no daemon answers on ${socketPath} (${code})`, { cause: error });
  }
  if (code !== undefined && BROKEN_OFF.has(code)) {
    return new ProtocolError("STREAM_RESET", "the daemon ended the connection before it answered", {
      cause: error,
    });
  }
  return new ProtocolError("UPSTREAM_FAILED", `the daemon's answer could not be read: ${error.message}`, {
    cause: error,
  });
}

/** A problem document (RFC 9457) as the error it stands for. */
function errorOf(reply: ControlReply): ProtocolError {
  const problem = (reply.body ?? {}) as { code?: string; number?: number; detail?: string; data?: object };
  return fromRpcError({
    code: problem.number ?? -32603,
    message: problem.detail ?? `the daemon answered ${reply.status}`,
    data: { ...problem.data, code: problem.code ?? "INTERNAL_ERROR" },
  });
}

function queryText(query: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries({ capability: query["capability"], q: query["text"], scope: query["scope"] });
  const text = new URLSearchParams(
    pairs.filter((pair): pair is [string, string] => pair[1] !== undefined),
  ).toString();
  return text === "" ? "" : `?${text}`;
}
