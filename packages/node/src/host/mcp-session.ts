/** The node as the one caller of an agent of the older revision: the handshake, and what follows it. */

import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { AgentChannel } from "../route/channel.ts";
import { decodeMessage } from "../route/rpc-lines.ts";
import { isObject, LEGACY_VERSIONS } from "./mcp-words.ts";

export interface GreetedChannel {
  /** As before, with what follows the handshake. */
  readonly channel: AgentChannel;
  readonly initialized: JsonObject;
}

const GREETING_ID = 0;

/** Says `initialize` on a fresh channel. @throws the agent's own error, AGENT_CRASHED, STREAM_RESET. */
export async function greetLegacy(channel: AgentChannel, name = "gridmesh"): Promise<GreetedChannel> {
  const params = {
    protocolVersion: LEGACY_VERSIONS[0] ?? "",
    capabilities: {},
    clientInfo: { name, version: "1" },
  };
  channel.send(JSON.stringify({ jsonrpc: "2.0", id: GREETING_ID, method: "initialize", params }));
  const lines = channel.lines[Symbol.asyncIterator]();
  const initialized = await answerIn(lines);
  channel.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  const { era, versions, closed } = channel;
  const rest: AgentChannel = {
    era,
    versions,
    closed,
    lines: { [Symbol.asyncIterator]: () => lines },
    send: (line) => channel.send(line),
    calm: () => channel.calm(),
    end: () => channel.end(),
    reset: (reason) => channel.reset(reason),
  };
  return { channel: rest, initialized };
}

async function answerIn(lines: AsyncIterator<string>): Promise<JsonObject> {
  for (;;) {
    const { done, value } = await lines.next();
    if (done === true) throw new ProtocolError("AGENT_CRASHED", "the agent ended before it was greeted");
    const message = decodeMessage(value);
    if (message.kind === "failure" && message.id === GREETING_ID) throw message.error;
    if (message.kind !== "result" || message.id !== GREETING_ID) continue;
    const result: JsonValue = message.result;
    return isObject(result) ? result : {};
  }
}
