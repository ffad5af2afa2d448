/** In whose name another node is asked: its own user, one of ours under a pseudonym, or one of our agents. */

import type { Caller } from "../agent.ts";
import type { Wait } from "../clock.ts";
import type { LocalUser } from "./channel.ts";
import type { OpeningDraft } from "./rpc-dial.ts";
import type { CallWait } from "./types.ts";

export interface CallNames {
  /** Calls of one name share their streams. */
  readonly key: string;
  /** What the opening line says of it, renewed where it must be. */
  draft(): Pick<OpeningDraft, "user" | "from" | "via">;
}

export interface NamesOptions {
  /** A short text that tells this name from others and is no name itself. */
  readonly pseudonym: (name: string) => string;
  /** The signed tie of one of this node's agents to it. */
  readonly bindingOf: (agentId: string) => OpeningDraft["from"];
}

/** The names of a caller at another node; undefined for the operator, who is the node itself. */
export type NameFinder = (caller: Caller, via?: readonly string[]) => CallNames | undefined;

export function createNames({ pseudonym, bindingOf }: NamesOptions): NameFinder {
  return ({ kind, peerId, user, agentId, token, anonymous }, via = []) => {
    // A peer whose call is passed on is a user of this node too; whoever has no name is one user with all such.
    const known = kind === "peer" ? [peerId, user] : [token, user];
    const named = anonymous === true ? ["anonymous"] : known;
    const isUser = named.some((name) => name !== undefined);
    const own = kind === "local" ? agentId : undefined;
    if (!isUser && own === undefined && via.length === 0) return undefined;
    const alias = isUser ? pseudonym(JSON.stringify(named)) : undefined;
    return {
      key: JSON.stringify([alias, own, via]),
      draft: () => ({ user: alias, from: own === undefined ? undefined : bindingOf(own), via }),
    };
  };
}

/** A wait for the node's face as the router takes it. */
export function inName(wait: Wait & { readonly as?: LocalUser | undefined }, peerId: string): CallWait {
  if (wait.as === undefined) return wait;
  const { as, ...rest } = wait;
  return { ...rest, caller: { kind: "local", peerId, ...as } };
}
