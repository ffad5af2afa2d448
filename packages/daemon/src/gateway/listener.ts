/** The door for programs of this machine, on loopback: behind the guard lie the control API, MCP, A2A and the catalog. */

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { ProtocolError } from "@gridmesh/protocol";
import type { SocketParts } from "../control/app.ts";
import { listenFailure, listenPlace } from "../listening.ts";
import { type Admitted, admit, checkType, type GuardRules, operator, Refusal, targetOf } from "./guard.ts";
import type { Tokens } from "./guard-tokens.ts";
import { sendRefusal } from "./listener-http.ts";
import type { GatewayContext } from "./listener-types.ts";
import type { Gateway } from "./listener-faces.ts";

const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
const IDLE_MS = 5_000;
const LOOK_MS = 1_000;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_CONNECTIONS = 512;
const CONTROL_PREFIX = "/v1/";

export interface LocalListener extends AsyncDisposable {
  /** `http://host:port` as bound. */
  readonly url: string;
}

export interface ListenerOptions {
  readonly listen: string;
  readonly proxies: readonly string[];
  readonly context: GatewayContext;
  readonly gateway: Gateway;
  readonly tokens: Tokens;
  /** The control API. */
  readonly control: RequestListener;
}

/** @throws PORT_IN_USE; CONFIG_INVALID for an address this machine does not have. */
export async function openListener(options: ListenerOptions): Promise<LocalListener> {
  const { listen, proxies, context, tokens } = options;
  const { auth, allowedOrigins } = context.config.gateway;
  const place = listenPlace(listen);
  const server = createServer({
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    connectionsCheckingInterval: LOOK_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  const rules = (): GuardRules => {
    const { port } = server.address() as AddressInfo;
    return { port, proxies, allowedOrigins, auth, tokens };
  };
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    let admitted: Admitted;
    try {
      admitted = admit(request, rules());
      if (admitted.path.startsWith(CONTROL_PREFIX)) {
        checkScope(admitted, request);
        return options.control(request, response);
      }
    } catch (error) {
      return turnAway(request, response, error);
    }
    void options.gateway.take({ request, response, ...admitted });
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void upgraded(socket, async () => {
      await options.gateway.upgrade({ request, socket, head, ...admit(request, rules()) });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(listenFailure(error, "control.listen", listen)),
    );
    server.listen(place.port, place.address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${place.name}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The same faces over the unix socket, where whoever may open the file is the operator; the rest is the control API's. */
export function attachSocket(gateway: Gateway): SocketParts {
  return {
    requests: (api) => (request, response) => {
      try {
        const { path, query } = targetOf(request);
        if (!gateway.takes(path)) return api(request, response);
        checkType(request, path);
        void gateway.take({ request, response, path, query, caller: operator });
      } catch (error) {
        turnAway(request, response, error);
      }
    },
    onServer(server) {
      server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        void upgraded(socket, async () => {
          await gateway.upgrade({ request, socket, head, ...targetOf(request), caller: operator });
        });
      });
    },
  };
}

/** The control API is the operator's; a token of scope read may look. @throws Refusal. */
function checkScope({ caller, path }: Admitted, { method }: IncomingMessage): void {
  if (caller.scope === "admin" || path.startsWith("/v1/health")) return;
  if (caller.scope === "read" && (method === "GET" || method === "HEAD")) return;
  const code = caller.anonymous ? "CONTROL_UNAUTHORIZED" : "UNAUTHORIZED";
  const error = new ProtocolError(code, "the control API needs a token of scope admin, or read to look");
  throw new Refusal(caller.anonymous ? 401 : 403, error);
}

function turnAway(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  void sendRefusal({ request, response }, refusalOf(error));
}

/** Who may not, or cannot be led on, is told as HTTP tells it. */
async function upgraded(socket: Duplex, upgrade: () => Promise<void>): Promise<void> {
  // A program that leaves in the middle is no fault of the listener's.
  socket.on("error", () => undefined);
  try {
    await upgrade();
  } catch (error) {
    if (socket.writable) socket.end(statusText(error));
  }
}

function statusText(error: unknown): string {
  const { status, error: known } = refusalOf(error);
  const text = JSON.stringify({
    jsonrpc: "2.0",
    id: null,
    error: { code: known.number, message: known.message },
  });
  return `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(
    500,
    new ProtocolError("INTERNAL_ERROR", "the listener could not do it", { cause: error }),
  );
}
