/** The program a desktop starts: what comes in on its stdin goes to an agent, and only messages leave on its stdout. */

import { once } from "node:events";
import { request as httpRequest } from "node:http";
import type { Duplex, Readable, Writable } from "node:stream";
import { ProtocolError, type RpcError, toRpcError } from "@gridmesh/protocol";
import { linesOf } from "./stdio-bridge-lines.ts";

/** Answers under way when the input ends are given so long. */
const LINGER_MS = 1_500;
const FAILED = 1;
const APART_MS = 10;
/** No notification worth waiting for is longer. */
const NEWS_CHARS = 64 * 1024;

export interface StdioBridgeOptions {
  /** Of the daemon's unix socket. */
  readonly socketPath: string;
  /** Absent: the meta-agent. */
  readonly reference: string | undefined;
  readonly input: Readable;
  readonly output: Writable;
  /** Text for people. */
  readonly tell: (text: string) => void;
}

/** Runs until the input ends or the agent leaves; the exit code. The era is known before the first byte is read. */
export async function bridgeStdio(options: StdioBridgeOptions): Promise<number> {
  const { input, tell, reference } = options;
  let opened: Opened;
  try {
    opened = await openBridge(options);
  } catch (error) {
    const known = toRpcError(error);
    tell(`${reference ?? "the meta-agent"} cannot be reached: ${known.message}`);
    await answerFirst(options, known);
    input.destroy();
    return FAILED;
  }
  tell(`${reference ?? "meta-agent"} speaks MCP ${opened.versions}`);
  return piped(options, opened.socket);
}

interface Opened {
  readonly socket: Duplex;
  readonly versions: string;
}

function openBridge({ socketPath, reference }: StdioBridgeOptions): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const path = reference === undefined ? "/rpc" : `/rpc/${encodeURIComponent(reference)}`;
    const headers = { connection: "Upgrade", upgrade: "gridmesh-rpc", host: "localhost" };
    const outgoing = httpRequest({ socketPath, path, headers, agent: false });
    outgoing.once("error", (cause: NodeJS.ErrnoException) => {
      const why = `no daemon answers on ${socketPath} (${cause.code ?? cause.message}); gridmesh start`;
      reject(new ProtocolError("NOT_RUNNING", why, { cause }));
    });
    outgoing.once("upgrade", (response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve({ socket, versions: String(response.headers["gridmesh-versions"] ?? "") });
    });
    outgoing.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.once("end", () => reject(refusalIn(text)));
    });
    outgoing.end();
  });
}

/** The daemon's own words, kept as they are. */
function refusalIn(text: string): ProtocolError {
  try {
    const { error } = JSON.parse(text) as { readonly error: RpcError };
    return new ProtocolError("UPSTREAM_FAILED", error.message, { foreign: error });
  } catch (cause) {
    return new ProtocolError("UPSTREAM_FAILED", "the daemon refused the bridge", { cause });
  }
}

/** Whoever waits for an answer gets one, with the id it asked under. */
async function answerFirst({ input, output }: StdioBridgeOptions, error: RpcError): Promise<void> {
  input.setEncoding("utf8");
  let text = "";
  for await (const piece of input as AsyncIterable<string>) {
    text += piece;
    const id = firstId(text);
    if (id === undefined) continue;
    await new Promise<void>((resolve) => {
      output.write(`${JSON.stringify({ jsonrpc: "2.0", id, error })}\n`, () => resolve());
    });
    return;
  }
}

/** The id of the first whole request in a text. */
function firstId(text: string): string | number | undefined {
  for (const line of text.split("\n").slice(0, -1)) {
    try {
      const { id, method } = JSON.parse(line) as { readonly id?: unknown; readonly method?: unknown };
      if (typeof method === "string" && (typeof id === "string" || typeof id === "number")) return id;
    } catch {
      // Not for us to judge.
    }
  }
  return undefined;
}

async function piped(options: StdioBridgeOptions, socket: Duplex): Promise<number> {
  const { input, tell } = options;
  let hasEnded = false;
  socket.on("error", () => undefined);
  input.pipe(socket);
  const late = new Promise<void>((resolve) => {
    input.once("end", () => {
      hasEnded = true;
      setTimeout(resolve, LINGER_MS).unref();
    });
  });
  // Whoever does not read its answers does not hold up the end.
  await Promise.race([passOn(options, socket).catch(() => undefined), late]);
  socket.destroy();
  if (!hasEnded) tell("the agent has left");
  input.destroy();
  return hasEnded ? 0 : FAILED;
}

/**
 * Line by line: callers that read a notification and the answer behind it at once take the answer first and drop the
 * rest, so an answer waits a moment.
 */
async function passOn({ output }: StdioBridgeOptions, socket: Duplex): Promise<void> {
  let newsAtMs = 0;
  for await (const line of linesOf(socket)) {
    const isNews = line.length < NEWS_CHARS && isNotification(line);
    const leftMs = newsAtMs + APART_MS - performance.now();
    if (!isNews && leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
    if (isNews) newsAtMs = performance.now();
    if (!output.write(`${line}\n`)) await once(output, "drain");
  }
}

function isNotification(line: string): boolean {
  const { id, method } = JSON.parse(line) as { readonly id?: unknown; readonly method?: unknown };
  return method !== undefined && id === undefined;
}
