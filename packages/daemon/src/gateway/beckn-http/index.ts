/** Beckn over HTTP: the four paths of a Beckn adapter, and the look-ups a plain participant needs. */

import type { AddressInfo } from "node:net";
import type { AgentNode, Log } from "@gridmesh/node";
import fastify from "fastify";
import type { Config } from "../../config/schema.ts";
import { listenFailure, listenPlace } from "../../listening.ts";
import { checkListen, tokenIn } from "./caller-guard.ts";
import { addLookUps } from "./look-up-routes.ts";
import { addPaths } from "./paths.ts";
import { subscriberKeys } from "./subscriber-keys.ts";

/** As a Beckn body on a stream. */
const MAX_BODY_BYTES = 256 * 1024;
const MAX_NAME_CHARACTERS = 512;
/** Places are few: whoever writes slowly, or nothing, holds one no longer. */
const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
const IDLE_MS = 5_000;
const LOOK_MS = 1_000;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_CONNECTIONS = 256;

export interface BecknGateway extends AsyncDisposable {
  /** `http://host:port` as bound. */
  readonly address: string;
}

/** @throws PORT_IN_USE, CONFIG_INVALID, DISK_FAILED. */
export async function openBecknGateway(options: {
  readonly config: Config["beckn"];
  readonly home: string;
  readonly node: AgentNode;
  readonly log: Log;
}): Promise<BecknGateway> {
  const { config, home, node, log } = options;
  const { listen, callerAuth, keys, partners } = config.http;
  const { acceptNfhDigestPrefix } = config;
  checkListen(listen, callerAuth);
  const place = listenPlace(listen);
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    forceCloseConnections: true,
    http: {
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      connectionsCheckingInterval: LOOK_MS,
    },
    routerOptions: { maxParamLength: MAX_NAME_CHARACTERS },
  });
  // The signature covers the bytes: nothing here may read and write a body anew.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  const port = () => (app.server.address() as AddressInfo).port;
  const gateway = {
    passing: { node, partners, keys: subscriberKeys(keys, config.registries), acceptNfhDigestPrefix },
    log,
    busy: { requests: 0 },
    port,
    token: callerAuth === "token" ? tokenIn(home) : undefined,
  };
  addPaths(app, gateway);
  addLookUps(app, gateway);
  try {
    await app.listen({ host: place.address, port: place.port });
  } catch (error) {
    throw listenFailure(error as NodeJS.ErrnoException, "beckn.http.listen", listen);
  }
  const address = `http://${place.name}:${port()}`;
  log.info("beckn.http", `Beckn over HTTP at ${address}`);
  return {
    address,
    async [Symbol.asyncDispose]() {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}
