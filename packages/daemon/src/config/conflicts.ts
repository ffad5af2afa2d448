/** Settings that cannot hold together; each rule names both. */

import { type FeatureName, featureNames } from "@gridmesh/protocol";
import { LOOPBACK_NAMES, listenPlace } from "../listening.ts";
import type { Config } from "./schema.ts";
import type { ConfigProblem } from "./problem.ts";

interface Rule {
  /** The setting that is wrong, and the one it clashes with. */
  readonly keys: readonly [string, string];
  readonly broken: (config: Config) => boolean;
  readonly what: string;
  readonly fix: string;
  readonly finding?: ConfigProblem["finding"];
}

/** A setting whose part this program does not have. */
interface Absent {
  readonly key: string;
  readonly set: (config: Config) => boolean;
  readonly what: string;
  readonly fix: string;
}

const needsLab = (key: string, broken: (config: Config) => boolean): Rule => ({
  keys: [key, "lab.enabled"],
  broken: (config) => !config.lab.enabled && broken(config),
  what: "changes market time, which only a lab may",
  fix: `Set lab.enabled = true or leave ${key} out.`,
});

const passesTheKey = (key: string, name: string, on: (config: Config) => boolean): Rule => ({
  keys: [key, "reach.pskFile"],
  broken: (config) => config.reach.pskFile !== undefined && on(config),
  what: `lets outsiders in: ${name} passes the private network's key by`,
  fix: `Set ${key} = false or leave reach.pskFile out.`,
  finding: "PNET_MIXED_TRANSPORT",
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
    keys: ["peers.static", "profile"],
    broken: ({ peers }) => peers.static.some((address) => !address.includes("/p2p/")),
    what: "holds an address without /p2p/<PeerId>",
    fix: "End each address in /p2p/<PeerId>: gridmesh id on that machine prints it.",
  },
  {
    keys: ["peers.min", "peers.target"],
    broken: ({ peers }) => peers.min > peers.target,
    what: "asks for more links than the node stops at",
    fix: "Make peers.target at least peers.min.",
  },
  {
    keys: ["profile", "reach.pskFile"],
    broken: ({ profile, reach }) => profile === "private" && reach.pskFile === undefined,
    what: "is private, and a private network is one by its key",
    fix: 'Set reach.pskFile = "swarm.key", the same file on every node.',
  },
  passesTheKey("reach.quic", "QUIC", ({ reach }) => reach.quic),
  passesTheKey("reach.webrtc", "WebRTC", ({ reach }) => reach.webrtc),
  {
    keys: ["control.listen", "control.behindProxy"],
    broken: ({ control }) =>
      control.listen !== "" &&
      !LOOPBACK_NAMES.has(listenPlace(control.listen).name) &&
      control.behindProxy.length === 0,
    what: "listens beyond this machine, in clear",
    fix: 'Listen on 127.0.0.1, or name the proxy that ends TLS: control.behindProxy = ["mesh.example:443"].',
  },
  {
    keys: ["gateway.auth", "control.listen"],
    broken: ({ control, gateway }) =>
      gateway.auth === "none" &&
      control.listen !== "" &&
      !LOOPBACK_NAMES.has(listenPlace(control.listen).name),
    what: "lets anybody call, which only loopback allows",
    fix: 'Set gateway.auth = "token", or listen on 127.0.0.1.',
  },
  {
    keys: ["status.hosts", "status.listen"],
    broken: (config) => config.status.hosts.length > 0 && config.status.listen === "",
    what: "names a page that is off",
    fix: 'Set status.listen = "127.0.0.1:9000" or leave status.hosts out.',
  },
];

/** Features that this program has; the protocol names more. */
const builtFeatures: ReadonlySet<FeatureName> = new Set(["encryption", "cbor", "protobuf"]);
const absentFeatures = featureNames.filter((name) => !builtFeatures.has(name));

const absent: readonly Absent[] = [
  {
    key: "reach.webrtc",
    set: ({ reach }) => reach.webrtc,
    what: "asks for WebRTC, which is no part of this program",
    fix: "Leave it out; browsers reach a node over WebSocket.",
  },
  {
    key: "interop.p2pdSocket",
    set: ({ interop }) => interop.p2pdSocket !== undefined,
    what: "asks for the p2pd protocol, which is no part of this program",
    fix: "Leave it out; other programs talk to the control socket.",
  },
  {
    key: "interop.dhtValues",
    set: ({ interop }) => interop.dhtValues,
    what: "asks for values in the DHT, which this program refuses",
    fix: "Leave it out; records are fetched from their provider.",
  },
  {
    key: "features.encryption",
    set: ({ features }) => features.encryption !== "required",
    what: "would allow links that are not encrypted",
    fix: 'Leave it out, or set features.encryption = "required".',
  },
  ...absentFeatures.map((name): Absent => ({
    key: `features.${name}`,
    set: ({ features }) => features[name] !== "off",
    what: "asks for a feature that is no part of this program",
    fix: `Leave it out, or set features.${name} = "off".`,
  })),
];

/** Every broken rule whose setting somebody set; `originOf` tells who. */
export function conflictsOf(config: Config, originOf: (key: string) => string): ConfigProblem[] {
  const missing = absent
    .filter(({ set }) => set(config))
    .map(({ key, what, fix }) => ({ where: originOf(key), key, what: `${key} ${what}`, fix }));
  const clashes = rules
    .filter((rule) => rule.broken(config) && !/^(?:default|profile)\b/.test(originOf(rule.keys[0])))
    .map((rule) => {
      const [key, other] = rule.keys;
      return {
        where: originOf(key),
        key,
        what: `${key} ${rule.what}: it conflicts with ${other} (${originOf(other)})`,
        fix: rule.fix,
        ...(rule.finding === undefined ? {} : { finding: rule.finding }),
      };
    });
  return [...clashes, ...missing];
}
