/** What hosted programs may call by themselves: a token each, told to its processes alone, dead once the agent is gone. */

import { ProtocolError } from "@gridmesh/protocol";
import { type LentTokens, lentTokens } from "./gateway/guard-tokens.ts";

/** The variables in which a program finds its rights. */
const TOKEN_VARIABLE = "AGENT_TOKEN";
const GATEWAY_VARIABLE = "AGENT_GATEWAY";

interface AgentRight {
  /** For each of its processes as it starts. @throws AGENT_START_FAILED while the gateway has no port. */
  variables(): Readonly<Record<string, string>>;
  end(): void;
}

export interface AgentRights {
  readonly tokens: LentTokens;
  /** Where the gateway listens, once it does. */
  openAt(url: string | undefined): void;
  grant(name: string, may: readonly string[]): AgentRight;
}

export function agentRights(): AgentRights {
  const tokens = lentTokens();
  let gateway: string | undefined;
  return {
    tokens,
    openAt(url) {
      gateway = url;
    },
    grant(name, may) {
      // A colon is in no name that an operator can give: nobody's rules for others fit it by chance.
      const lent = tokens.lend({ name: `agent:${name}`, scope: "agent", agents: may.join(" ") });
      return {
        variables() {
          if (gateway === undefined) {
            throw new ProtocolError(
              "AGENT_START_FAILED",
              `agent ${name} may call others, but control.listen is off`,
            );
          }
          return { [TOKEN_VARIABLE]: lent.secret, [GATEWAY_VARIABLE]: gateway };
        },
        end: () => lent[Symbol.dispose](),
      };
    },
  };
}
