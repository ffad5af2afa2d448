/** One line of the log for each call of an agent here. */

import type { Caller } from "../agent.ts";
import type { Log } from "../log.ts";

interface AuditedCall {
  readonly caller: Caller;
  readonly agent: string;
  readonly method: string;
  readonly item: string | undefined;
  readonly ms: number;
  /** Characters of request and answer, where they were lines. */
  readonly bytes: number | undefined;
  /** Of the error, if there was one. */
  readonly code: string | undefined;
}

export type CallAudit = (call: AuditedCall) => void;

const SHOWN = 128;

export function createAudit(log: Log): CallAudit {
  return ({ caller, agent, method, item, ms, bytes, code = "ok" }) => {
    const { kind, peerId, user, agentId, token, anonymous } = caller;
    const local = token ?? (anonymous === true ? "anonymous" : "operator");
    log.info("call", `${agent}/${short(method)}`, {
      // A log line about a peer is paced by its name: no stranger fills the disk.
      peer: kind === "peer" ? peerId : undefined,
      token: kind === "peer" ? undefined : local,
      user,
      agentId,
      agent,
      method: short(method),
      item: item === undefined ? undefined : short(item),
      code,
      ms: Math.round(ms * 10) / 10,
      bytes,
    });
  };
}

function short(text: string): string {
  return text.length > SHOWN ? text.slice(0, SHOWN) : text;
}
