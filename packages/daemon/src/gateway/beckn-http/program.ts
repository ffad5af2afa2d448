/** An agent behind which a Beckn program stands that speaks plain HTTP: what the mesh has for it is posted there. */

import type { AgentDefinition } from "@gridmesh/node";
import { ProtocolError } from "@gridmesh/protocol";
import { post } from "./outgoing.ts";

export interface BecknProgramOptions {
  /** Where the program takes its messages: `<url>/<action>`. */
  readonly url: string;
  /** Whether it sells: it then hears searches. */
  readonly sells?: boolean;
}

/**
 * The agent's definition: `module = "@gridmesh/daemon/beckn-program"`, `factory = "becknProgram"`.
 * @throws CONFIG_INVALID.
 */
export function becknProgram(options: BecknProgramOptions): AgentDefinition {
  const { url, sells = false, ...rest } = options;
  const wrong = Object.keys(rest)[0];
  if (wrong !== undefined)
    throw new ProtocolError("CONFIG_INVALID", `options.${wrong} is unknown; url, sells`);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new ProtocolError("CONFIG_INVALID", `options.url "${url}" is no http address`);
  }
  if (typeof sells !== "boolean") throw new ProtocolError("CONFIG_INVALID", "options.sells is true or false");
  let standing: Disposable | undefined;
  return {
    capabilities: sells ? ["energy.sell"] : ["energy.buy"],
    start(context) {
      standing = context.standFor((message, wait) => post(url, message, wait));
      return Promise.resolve();
    },
    stop() {
      standing?.[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}
