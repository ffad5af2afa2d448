import { ProtocolError } from "@gridmesh/protocol";
import type { CutDials } from "./snapshot.ts";

/** How a dial to one address ended. */
export type DialResult =
  | "linked"
  | "refused"
  | "cut"
  | "no-route"
  | "timeout"
  | "unknown-name"
  | "own-address"
  | "denied"
  | "wrong-peer"
  | "bad-address"
  | "failed";

export interface DialFailure {
  readonly result: DialResult;
  readonly reason: string;
}

/** A dial that ended before its handshake: the other side's limit or ban, or another private network. */
export const cutFailure: DialFailure = {
  result: "cut",
  reason: "reset before the handshake: a limit or ban over there, or another private network",
};

/** What our own gater turns away. */
export const deniedFailure: DialFailure = { result: "denied", reason: "refused by our own rules" };

/** Reasons told in words; all of them are in the error's data. */
const TOLD = 3;

/** Every address failed, each for its own reason. */
export function allFailed(
  attempts: readonly { readonly address: string; readonly reason: string }[],
): ProtocolError {
  const told = attempts.slice(0, TOLD).map(({ address, reason }) => `${address}: ${reason}`);
  const rest = attempts.length > TOLD ? `; and ${attempts.length - TOLD} more` : "";
  const text = attempts.length === 0 ? "no address to dial" : `${told.join("; ")}${rest}`;
  return new ProtocolError("PEER_UNREACHABLE", text, { data: { attempts: [...attempts] } });
}

/** Peers whose cut dials are remembered; the oldest make room. */
const CUT_PEERS = 256;

export interface EndedDial {
  readonly result: DialResult;
  readonly peerId: string | undefined;
  readonly address: string;
  readonly nowMs: number;
}

/** Dials by how they ended, and those cut in a row by peer. */
export class DialCounts {
  readonly #ended = new Map<DialResult, number>();
  readonly #cut = new Map<string, CutDials>();

  add({ result, peerId, address, nowMs }: EndedDial): void {
    this.#ended.set(result, (this.#ended.get(result) ?? 0) + 1);
    if (peerId === undefined || result !== "cut") return;
    const count = (this.#cut.get(peerId)?.count ?? 0) + 1;
    this.#cut.delete(peerId);
    this.#cut.set(peerId, { peerId, address, count, lastMs: nowMs });
    const [oldest] = this.#cut.keys();
    if (this.#cut.size > CUT_PEERS && oldest !== undefined) this.#cut.delete(oldest);
  }

  /** A link to this peer has held: what was cut before is over. */
  held(peerId: string): void {
    this.#cut.delete(peerId);
  }

  ended(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#ended);
  }

  cut(): readonly CutDials[] {
    return [...this.#cut.values()];
  }
}
