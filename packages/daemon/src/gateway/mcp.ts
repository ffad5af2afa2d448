/** `/mcp/<target>`: any agent the caller may reach, in both revisions of MCP over HTTP. */

import { type AgentChannel, type Clock, systemClock } from "@gridmesh/node";
import { isProtocolError, ProtocolError } from "@gridmesh/protocol";
import { Refusal } from "./guard.ts";
import { readBody, sendError, sendRefusal } from "./listener-http.ts";
import type { GatewayContext, GatewayFace, GatewayRequest, GatewayUpgrade } from "./listener-types.ts";
import { isModern } from "./mcp-headers.ts";
import { LegacySessions } from "./mcp-legacy.ts";
import { readMessage, refusalOf, RequestRefusal } from "./mcp-message.ts";
import { answerModern } from "./mcp-modern.ts";
import { openMeta } from "./mcp-meta.ts";
import { metaToolsOf } from "./mcp-meta-tools.ts";
import { McpTargets, referenceIn } from "./mcp-target.ts";

const MCP_PREFIX = "/mcp";
const BRIDGE_PREFIX = "/rpc";
const BRIDGE_PROTOCOL = "gridmesh-rpc";

/** @param clock - by which sessions are idle */
export function openMcpFace(context: GatewayContext, clock: Clock = systemClock()): GatewayFace {
  const sessions = new LegacySessions(clock);
  const tools = metaToolsOf(context);
  const targets = new McpTargets(context.node, (mode, caller) => openMeta(context, tools, { mode, caller }));
  return {
    async take(asked) {
      try {
        await answer(asked, { sessions, targets });
      } catch (error) {
        await refuse(asked, error, context);
      }
    },
    upgrade: (asked) => bridge(asked, targets),
    [Symbol.dispose]: () => sessions[Symbol.dispose](),
  };
}

/** A connection that becomes lines: opened first, so that whoever cannot be reached is told as HTTP tells it. */
async function bridge({ socket, path, caller, head }: GatewayUpgrade, targets: McpTargets): Promise<void> {
  const target = targets.of(referenceIn(path, BRIDGE_PREFIX), caller);
  const gone = new AbortController();
  const leave = () => gone.abort(new ProtocolError("CALL_CANCELLED", "the program has gone"));
  socket.once("close", leave);
  let channel: AgentChannel;
  try {
    channel = await target.open("call", gone.signal);
  } catch (error) {
    throw refusalFor(error);
  }
  socket.off("close", leave);
  const { era, versions } = channel;
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${BRIDGE_PROTOCOL}\r\ngridmesh-era: ${era}\r\ngridmesh-versions: ${versions.join(" ")}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  const { bridgeLines } = await import("./stdio-bridge.ts");
  await bridgeLines(socket, target, channel);
}

async function answer(
  asked: GatewayRequest,
  { sessions, targets }: { readonly sessions: LegacySessions; readonly targets: McpTargets },
): Promise<void> {
  const { request, caller, path } = asked;
  const reference = referenceIn(path, MCP_PREFIX);
  if (request.method === "GET") return sessions.listen(asked, targets.of(reference, caller));
  if (request.method === "DELETE") return sessions.end(asked, targets.of(reference, caller));
  if (request.method !== "POST") {
    throw new Refusal(405, new ProtocolError("INVALID_REQUEST", "POST, GET or DELETE"), {
      allow: "GET, POST, DELETE",
    });
  }
  const message = readMessage(await readBody(request));
  try {
    const target = targets.of(reference, caller);
    await (isModern(message, request.headers)
      ? answerModern(asked, message, target)
      : sessions.post(asked, message, target));
  } catch (error) {
    if (message.kind !== "request" || error instanceof RequestRefusal) throw error;
    throw new RequestRefusal(refusalFor(error), message.id);
  }
}

/** Whatever went wrong before an answer began is told with the request's id where it has one. */
async function refuse(asked: GatewayRequest, error: unknown, { log }: GatewayContext): Promise<void> {
  const { request, response } = asked;
  if (response.headersSent || response.destroyed) return void response.destroy();
  const [refusal, id] =
    error instanceof RequestRefusal ? [error.refusal, error.id] : [refusalFor(error), null];
  if (refusal.status === 500) log.error("gateway.failed", String(error));
  if (request.complete) sendError(response, refusal, id);
  else await sendRefusal(asked, refusal, id);
}

function refusalFor(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (isProtocolError(error)) return refusalOf(error);
  return new Refusal(
    500,
    new ProtocolError("INTERNAL_ERROR", "the gateway could not do it", { cause: error }),
  );
}
