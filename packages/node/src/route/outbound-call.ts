import { type JsonValue, ProtocolError } from "@gridmesh/protocol";
import type { Clock, Wait } from "../clock.ts";
import { nodeLimits } from "../limits.ts";
import type { CallLine } from "./call-line.ts";
import type { Expiring } from "./expiry.ts";
import { requestBody } from "./rpc-lines.ts";

/** What is called, with what. */
export interface MethodCall {
  readonly method: string;
  readonly params: JsonValue;
}

/** Whoever brings a call on its way. */
export interface CallOwner {
  /** Told once, with what was thrown if anything was. */
  settled(call: OutboundCall, error: unknown): void;
  /** What a call that ran out of time is told. */
  explain(call: OutboundCall, error: ProtocolError): ProtocolError;
}

/** A call to another node from asking to its outcome; settled once, by whoever knows the outcome first. */
export class OutboundCall implements Expiring {
  readonly method: string;
  /** The params it takes with it, as text. */
  readonly body: string;
  /** Monotonic ms of the asking, and of the last moment. */
  readonly beganMs: number;
  readonly endMs: number;
  readonly outcome: Promise<JsonValue>;
  /** Tries so far, the present one among them. */
  attempt = 1;
  /** Where it was sent, and as what. */
  line: CallLine | undefined;
  id = 0;
  /** Holds one of the places of its peer. */
  placed = false;
  place = -1;
  settled = false;
  owner: CallOwner | undefined;
  /** Ends what it waits for, when it ends before. */
  leave: (() => void) | undefined;
  readonly #limitMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: (() => void) | undefined;
  #resolve!: (value: JsonValue) => void;
  #reject!: (error: unknown) => void;

  /** @throws INVALID_PARAMS, FRAME_TOO_LARGE, or what the signal was aborted with. */
  constructor(call: MethodCall, { clock, wait }: { readonly clock: Clock; readonly wait: Wait }) {
    if (wait.signal?.aborted === true) throw cancelled(wait.signal);
    this.method = call.method;
    this.body = requestBody(call.method, call.params);
    this.#limitMs = Math.max(0, wait.timeoutMs ?? nodeLimits.callTimeoutMs);
    this.beganMs = clock.monotonicMs();
    this.endMs = this.beganMs + this.#limitMs;
    this.#signal = wait.signal;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (wait.signal === undefined) return;
    const { signal } = wait;
    this.#onAbort = () => this.giveUp(cancelled(signal));
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  resolve(value: JsonValue): void {
    if (this.#settle(undefined)) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#settle(error)) this.#reject(error);
  }

  /** The caller waits no longer: the other side is told, if it was asked. */
  giveUp(error: unknown): void {
    if (this.settled) return;
    this.line?.cancel(this);
    this.reject(error);
  }

  expire(): void {
    const error = new ProtocolError("CALL_TIMEOUT", `no answer within ${this.#limitMs} ms`);
    this.giveUp(this.owner?.explain(this, error) ?? error);
  }

  #settle(error: unknown): boolean {
    if (this.settled) return false;
    this.settled = true;
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener("abort", this.#onAbort);
    this.leave?.();
    this.owner?.settled(this, error);
    return true;
  }
}

function cancelled(signal: AbortSignal): ProtocolError {
  const reason: unknown = signal.reason;
  return reason instanceof ProtocolError ? reason : new ProtocolError("CALL_CANCELLED", "the caller gave up");
}
