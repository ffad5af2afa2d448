/** The last step of a line on its way to a caller. */

import { isProtocolError, messageOf, rpcFailure } from "@gridmesh/protocol";
import type { AgentChannel } from "../route/channel.ts";
import { decodeMessage } from "../route/rpc-lines.ts";

/**
 * Sends a line. An answer that is too long for one is told as an error in its place, as its caller would wait for ever; a
 * caller that has gone or reads nothing is left.
 */
export function tell(channel: AgentChannel, line: string): void {
  try {
    channel.send(line);
  } catch (error) {
    if (!isProtocolError(error) || error.code !== "FRAME_TOO_LARGE") {
      return channel.reset(messageOf(error));
    }
    const { kind, ...message } = decodeMessage(line);
    const id = "id" in message ? message.id : null;
    if ((kind === "result" || kind === "failure") && id !== null) {
      channel.send(JSON.stringify(rpcFailure(id, error)));
    }
  }
}
