import { editMembers, type JsonObject, type ProtocolError, type RpcId } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import { type AskedLine, withDeadline, withId } from "./agent-line.ts";
import type { Expiring } from "./expiry.ts";
import type { SharedLine } from "./shared-line.ts";

/** Whoever asked. */
export interface SharedCaller {
  /** A line for the caller: an answer, or what precedes it. */
  hear(line: string): void;
  /** One of its requests is over: it was answered, or `error` is its answer. */
  over(call: SharedCall, error: ProtocolError | undefined): void;
}

/** A request of one of several callers on a stream they share; its id and token there are the stream's own. */
export class SharedCall implements Expiring {
  readonly asked: AskedLine;
  readonly caller: SharedCaller;
  readonly beganMs: number;
  endMs: number;
  place = -1;
  attempt = 1;
  /** Where it was sent, and as what. */
  line: SharedLine | undefined;
  wireId = 0;
  /** Holds one of the places of its lane. */
  placed = false;
  settled = false;
  /** Ends what it waits for, when it ends before. */
  leave: (() => void) | undefined;
  readonly #limitMs: number;
  readonly #onExpire: (call: SharedCall) => void;

  constructor(
    asked: AskedLine,
    caller: SharedCaller,
    { nowMs, onExpire }: { readonly nowMs: number; readonly onExpire: (call: SharedCall) => void },
  ) {
    this.asked = asked;
    this.caller = caller;
    this.#limitMs = Math.min(asked.leftMs ?? nodeLimits.callTimeoutMs, nodeLimits.callTimeoutMaxMs);
    this.beganMs = nowMs;
    this.endMs = nowMs + this.#limitMs;
    this.#onExpire = onExpire;
  }

  /** Progress is a sign of life: the time begins anew, within what a call may last in all. */
  renew(nowMs: number): void {
    this.endMs = Math.min(nowMs + this.#limitMs, this.beganMs + nodeLimits.callTimeoutMaxMs);
  }

  /** Its line on the stream. */
  text(leftMs: number): string {
    const { text, token } = this.asked;
    const told =
      token === undefined
        ? text
        : editMembers(text, [{ path: ["params", "_meta", "progressToken"], text: String(this.wireId) }]);
    return withDeadline(withId(told, this.wireId), leftMs);
  }

  expire(): void {
    this.#onExpire(this);
  }
}

const FIRST_ID = /^\{"jsonrpc":"2\.0","id":(\d+),/;

/** A line of the stream's under the caller's id. */
export function answerFor(id: RpcId | null, wireId: number, line: string): string {
  const first = FIRST_ID.exec(line);
  if (first?.[1] !== String(wireId)) return withId(line, id);
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},${line.slice(first[0].length)}`;
}

export function progressFor(token: RpcId, line: string): string {
  return editMembers(line, [{ path: ["params", "progressToken"], text: JSON.stringify(token) }]);
}

export function cancelText(wireId: number): string {
  const note: JsonObject = {
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId: wireId },
  };
  return JSON.stringify(note);
}
