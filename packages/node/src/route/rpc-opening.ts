import { ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import type { BoundedStream } from "../network/stream-types.ts";

/** Reads a stream's opening line; returns its target. @throws INVALID_REQUEST, PARSE_ERROR, VERSION_UNSUPPORTED, PROTOCOL_UNSUPPORTED. */
export async function readOpening(stream: BoundedStream): Promise<string> {
  const line = await stream.readLine({ timeoutMs: nodeLimits.rpcOpeningMs });
  if (line === undefined || line.length > nodeLimits.rpcOpeningBytes) {
    throw new ProtocolError("INVALID_REQUEST", "no opening line");
  }
  const opening = parseOpening(line);
  if (opening["v"] !== 1) throw new ProtocolError("VERSION_UNSUPPORTED", "this end speaks v 1");
  const { to, proto, mode } = opening;
  if (typeof to !== "string" || typeof proto !== "string" || typeof mode !== "string") {
    throw new ProtocolError("INVALID_REQUEST", "an opening line names to, proto and mode");
  }
  if (mode !== "call" || (proto !== "plain" && proto !== "mcp")) {
    throw new ProtocolError("PROTOCOL_UNSUPPORTED", "this end answers mode call of proto plain or mcp", {
      data: { modes: ["call"], protos: ["plain", "mcp"] },
    });
  }
  return to;
}

function parseOpening(line: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch (error) {
    throw new ProtocolError("PARSE_ERROR", "the opening line is no JSON", { cause: error });
  }
  throw new ProtocolError("INVALID_REQUEST", "the opening line is no object");
}
