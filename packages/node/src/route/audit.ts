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
  return ({ caller, agent, method, item, ms, bytes, code }) => {
    const { kind, peerId, user, agentId, token, anonymous } = caller;
    log.info("call", `${agent}/${method.slice(0, SHOWN)}`, {
      // A log line about a peer is paced by its name: no stranger fills the disk.
      ...(kind === "peer"
        ? { peer: peerId }
        : { token: token ?? (anonymous === true ? "anonymous" : "operator") }),
      user,
      agentId,
      agent,
      method: method.slice(0, SHOWN),
      item: item?.slice(0, SHOWN),
      code: code ?? "ok",
      ms: Math.round(ms * 10) / 10,
      bytes,
    });
  };
}
