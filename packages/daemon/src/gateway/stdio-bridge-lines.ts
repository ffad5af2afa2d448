/** Lines of a byte stream, each bounded. */

import type { Readable } from "node:stream";
import { limits, ProtocolError } from "@gridmesh/protocol";

const LINE_END = 0x0a;

/** Lines without their ends; blank ones are no lines. The stream is left open. @throws FRAME_TOO_LARGE. */
export async function* linesOf(stream: Readable): AsyncGenerator<string, void, undefined> {
  let pieces: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    let rest = chunk;
    for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
      if (length + end > limits.rpcLineBytes) throw tooLong();
      pieces.push(rest.subarray(0, end));
      const line = Buffer.concat(pieces).toString("utf8").replace(/\r$/, "");
      pieces = [];
      length = 0;
      rest = rest.subarray(end + 1);
      if (line.trim() !== "") yield line;
    }
    pieces.push(rest);
    length += rest.length;
    if (length > limits.rpcLineBytes) throw tooLong();
  }
}

function tooLong(): ProtocolError {
  return new ProtocolError("FRAME_TOO_LARGE", `a line holds at most ${limits.rpcLineBytes} bytes`);
}
