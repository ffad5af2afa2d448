/** Settings that cannot hold together; each rule names both. */

import type { Config } from "./schema.ts";
import type { ConfigProblem } from "./problem.ts";

interface Rule {
  /** The setting that is wrong, and the one it clashes with. */
  readonly keys: readonly [string, string];
  readonly broken: (config: Config) => boolean;
  readonly what: string;
  readonly fix: string;
}

const needsLab = (key: string, broken: (config: Config) => boolean): Rule => ({
  keys: [key, "lab.enabled"],
  broken: (config) => !config.lab.enabled && broken(config),
  what: "changes market time, which only a lab may",
  fix: `Set lab.enabled = true or leave ${key} out.`,
});

const rules: readonly Rule[] = [
  needsLab("lab.clockSpeed", (config) => config.lab.clockSpeed !== 1),
  needsLab("lab.paused", (config) => config.lab.paused),
  needsLab("lab.marketStartMs", (config) => config.lab.marketStartMs !== undefined),
  {
    keys: ["discovery.bootstrap", "profile"],
    broken: (config) =>
      config.profile !== "testnet" &&
      config.discovery.bootstrap.some((address) => !address.includes("/p2p/")),
    what: "holds an address without /p2p/<PeerId>",
    fix: "End each address in /p2p/<PeerId>: gridmesh id on that machine prints it. Only profile testnet dials strangers.",
  },
  {
    keys: ["discovery.dhtMode", "discovery.dht"],
    broken: (config) => !config.discovery.dht && config.discovery.dhtMode === "server",
    what: "asks the node to serve a table it takes no part in",
    fix: "Set discovery.dht = true or leave discovery.dhtMode out.",
  },
  {
    keys: ["status.hosts", "status.listen"],
    broken: (config) => config.status.hosts.length > 0 && config.status.listen === "",
    what: "names a page that is off",
    fix: 'Set status.listen = "127.0.0.1:9000" or leave status.hosts out.',
  },
];

/** Every broken rule whose setting somebody set; `originOf` tells who. */
export function conflictsOf(config: Config, originOf: (key: string) => string): ConfigProblem[] {
  return rules
    .filter((rule) => rule.broken(config) && !/^(?:default|profile)\b/.test(originOf(rule.keys[0])))
    .map((rule) => {
      const [key, other] = rule.keys;
      return {
        where: originOf(key),
        key,
        what: `${key} ${rule.what}: it conflicts with ${other} (${originOf(other)})`,
        fix: rule.fix,
      };
    });
}
