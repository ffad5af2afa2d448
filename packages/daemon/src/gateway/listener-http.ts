/** HTTP in the small: a bounded body in, one answer or a stream of events out. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { limits, ProtocolError, toRpcError } from "@gridmesh/protocol";
import { Refusal } from "./guard.ts";

const COMMENT_MS = 15_000;
/** What is read of a body that is too large, so that its sender hears why. */
const DISCARDED_BYTES = 16 * 1024 * 1024;
const DISCARDING_MS = 2_000;

const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** The whole body. @throws Refusal 413 over 4 MiB; Error when the sender left. */
export async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limits.rpcLineBytes) throw tooLarge();
  const pieces: Buffer[] = [];
  let length = 0;
  const iterator = request.iterator({ destroyOnReturn: false });
  for await (const piece of iterator as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > limits.rpcLineBytes) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces, length);
}

function tooLarge(): Refusal {
  const error = new ProtocolError("FRAME_TOO_LARGE", `a body holds at most ${limits.rpcLineBytes} bytes`);
  return new Refusal(413, error, { connection: "close" });
}

/** Reads on and throws away, for a while: a connection cut while its sender writes takes the answer with it. */
export function discarded(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let left = DISCARDED_BYTES;
    const late = setTimeout(done, DISCARDING_MS);
    function done(): void {
      clearTimeout(late);
      resolve();
    }
    request.on("data", (piece: Buffer) => {
      left -= piece.length;
      if (left < 0) done();
    });
    request.once("end", done);
    request.once("close", done);
    request.resume();
  });
}

/** One answer of JSON, its text sent as it is. */
export function sendJson(
  response: ServerResponse,
  answer: {
    readonly status: number;
    readonly text: string;
    readonly headers?: Readonly<Record<string, string>> | undefined;
  },
): void {
  const { status, text, headers } = answer;
  if (response.headersSent || response.destroyed) return;
  const length = { "content-length": Buffer.byteLength(text) };
  response.writeHead(status, { ...HEADERS, "content-type": "application/json", ...length, ...headers });
  response.end(text);
}

/** An answer without a body. */
export function sendEmpty(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { ...HEADERS, ...headers });
  response.end();
}

/** Turns a request away whose body nobody has read. */
export async function sendRefusal(
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  refusal: Refusal,
  id: string | number | null = null,
): Promise<void> {
  await discarded(request);
  const { status, error } = refusal;
  sendError(response, { status, error, headers: { ...refusal.headers, connection: "close" } }, id);
}

/** An error as JSON-RPC tells it; `id` is null where none was read. */
export function sendError(
  response: ServerResponse,
  refused: Pick<Refusal, "status" | "headers"> & { readonly error: unknown },
  id: string | number | null = null,
): void {
  const error = toRpcError(refused.error);
  const { status, headers } = refused;
  sendJson(response, { status, headers, text: JSON.stringify({ jsonrpc: "2.0", id, error }) });
}

/** Events to one reader, with a sign of life every 15 s. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #alive: NodeJS.Timeout;

  constructor(response: ServerResponse, headers: Readonly<Record<string, string>> = {}) {
    this.#response = response;
    response.writeHead(200, {
      ...HEADERS,
      "content-type": "text/event-stream",
      "x-accel-buffering": "no",
      ...headers,
    });
    response.flushHeaders();
    this.#alive = setInterval(() => response.write(": alive\n\n"), COMMENT_MS);
    response.once("close", () => clearInterval(this.#alive));
  }

  /** Bytes that its reader has not taken yet. */
  get unreadBytes(): number {
    return this.#response.writableLength;
  }

  /** Resolves when the reader may be sent more; at once where it is gone. @param line - one JSON text */
  async send(line: string): Promise<void> {
    const response = this.#response;
    if (response.destroyed || response.write(`event: message\ndata: ${line}\n\n`)) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        response.off("drain", go);
        response.off("close", go);
        resolve();
      };
      response.once("drain", go);
      response.once("close", go);
    });
  }

  end(): void {
    clearInterval(this.#alive);
    this.#response.end();
  }

  cut(): void {
    this.#response.destroy();
  }
}
