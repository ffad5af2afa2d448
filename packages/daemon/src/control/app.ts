/** The control API over the unix socket: whoever may open the file has all rights. */

import { chmodSync, rmSync } from "node:fs";
import { ProtocolError } from "@gridmesh/protocol";
import { createServer, type RequestListener, type Server } from "node:http";
import { fastify, type FastifyInstance } from "fastify";
import { checkSocketPath } from "../home.ts";
import { agentRoutes } from "./agent-routes.ts";
import type { ControlContext } from "./context.ts";
import { gatewayRoutes } from "./gateway-routes.ts";
import { labRoutes } from "./lab-routes.ts";
import { nodeRoutes } from "./node-routes.ts";
import { peerRoutes } from "./peer-routes.ts";
import { problemOf } from "./problem.ts";
import { tradeRoutes } from "./trade-routes.ts";

/** Largest body the API takes; a call's params are the only large thing. */
const BODY_LIMIT_BYTES = 4 * 1024 * 1024;
const HEADER_LIMIT_BYTES = 8 * 1024;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;

/** What else is asked for over the socket: it is given the API's own part, and returns the whole. */
export interface SocketParts {
  readonly requests: (api: RequestListener) => RequestListener;
  readonly onServer: (server: Server) => void;
}

/** The API as an app that does not listen yet. */
export function controlApp(context: ControlContext, parts?: SocketParts): FastifyInstance {
  const http = {
    maxHeaderSize: HEADER_LIMIT_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
  };
  const app = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    logger: false,
    serverFactory(api) {
      const server = createServer(http, parts === undefined ? api : parts.requests(api));
      parts?.onServer(server);
      return server;
    },
  });
  app.setErrorHandler((error, _request, reply) => {
    const problem = problemOf(error);
    return reply.code(problem.status).type("application/problem+json").send(problem);
  });
  app.setNotFoundHandler((request) => {
    throw new ProtocolError("METHOD_NOT_FOUND", `no endpoint ${request.method} ${request.url}`);
  });
  app.register(
    (v1, _options, done) => {
      nodeRoutes(v1, context);
      peerRoutes(v1, context);
      agentRoutes(v1, context);
      tradeRoutes(v1, context);
      gatewayRoutes(v1, context);
      labRoutes(v1, context);
      done();
    },
    { prefix: "/v1" },
  );
  return app;
}

/** Listens on the socket; a file left there by a daemon that was killed is replaced. The home's lock must be held. */
export async function listenOnSocket(app: FastifyInstance, path: string): Promise<AsyncDisposable> {
  checkSocketPath(path);
  rmSync(path, { force: true });
  await app.listen({ path });
  chmodSync(path, 0o600);
  return {
    async [Symbol.asyncDispose]() {
      await app.close();
      rmSync(path, { force: true });
    },
  };
}
