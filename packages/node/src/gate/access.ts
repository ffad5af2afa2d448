/** Who may see an agent: decided by the caller's proven identity alone. */

import type { Access, Caller } from "../agent.ts";

/** `private` is for local callers; `network` and `public` are also for peers, `public` alone for the nameless. */
export function maySee(access: Access, caller: Caller): boolean {
  if (caller.anonymous === true) return access === "public";
  return caller.kind === "local" || access !== "private";
}
