/** What the faces behind the local listener share: each takes the requests of its paths. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { AgentNode, Log } from "@gridmesh/node";
import type { Config } from "../config/schema.ts";
import type { Admitted } from "./guard.ts";

export interface GatewayContext {
  readonly node: AgentNode;
  readonly config: Pick<Config, "gateway" | "routing">;
  readonly home: string;
  readonly log: Log;
  readonly version: string;
  /** `http://host:port` of the listener, or undefined where it is off. */
  readonly url: () => string | undefined;
}

/** A request that the guard let pass; its body is not read yet. */
export interface GatewayRequest extends Admitted {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** A connection that asks to become something else than HTTP. */
export interface GatewayUpgrade extends Admitted {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the request already. */
  readonly head: Buffer;
}

/** One way to reach agents over HTTP: MCP, A2A, the catalog. */
export interface GatewayFace extends Disposable {
  /** Answers in any case. @throws Refusal, ProtocolError before anything was answered. */
  take(asked: GatewayRequest): Promise<void>;
  /** Takes a connection over, where the face has another protocol than HTTP. @throws Refusal before it has. */
  upgrade?(asked: GatewayUpgrade): Promise<void>;
}
