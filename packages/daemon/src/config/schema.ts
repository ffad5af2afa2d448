/** The one definition of every setting: type, default, flag, environment name and the row in docs/CONFIG.md. */

import type { JsonValue } from "@gridmesh/protocol";
import { z } from "zod";
import { access } from "./access-schema.ts";
import { agentSchema } from "./agent-schema.ts";
import { beckn } from "./beckn-schema.ts";
import { control, gateway } from "./gateway-schema.ts";
import { discovery, features, interop, limits, multiaddr, peers, reach, routing } from "./network-schema.ts";

const NETWORK_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const HOST_AND_PORT = /^(?:|(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5})$/;

const level = z.enum(["error", "warn", "info", "debug", "silent"]);

/** The longest drain that still lets a stop end within five seconds is 3 s; more is for tests by hand. */
const MAX_DRAIN_MS = 60_000;
const MAX_CHILDREN = 256;
const MAX_CLOCK_SPEED = 10_000;

export const configSchema = z.strictObject({
  network: z
    .string()
    .regex(NETWORK_NAME, "1 to 63 of a-z 0-9 -, beginning and ending with a letter or digit")
    .default("gridmesh")
    .meta({ type: "name", note: "Nodes of different networks never meet." }),
  profile: z.enum(["testnet", "lan", "public", "private"]).default("lan").meta({
    type: "testnet, lan, public, private",
    note: "A set of network settings; lan finds peers by mDNS and asks nobody outside; private is public behind a key.",
  }),
  listen: z
    .array(multiaddr)
    .default([])
    .meta({ type: "multiaddr[]", note: "Where the node accepts links.", byProfile: true }),
  announce: z
    .array(multiaddr)
    .default([])
    .meta({ type: "multiaddr[]", note: "Addresses told to others instead of the listening ones." }),
  identity: z
    .strictObject({
      passphraseFile: z.string().min(1).optional().meta({
        type: "path",
        note: "File with the passphrase of the keys, from the home folder, mode 0600; else a systemd credential or a prompt.",
      }),
    })
    .prefault({}),
  discovery,
  peers,
  routing,
  access,
  reach,
  limits,
  interop,
  features,
  control,
  gateway,
  status: z
    .strictObject({
      listen: z
        .string()
        .regex(HOST_AND_PORT, 'host:port, or "" for off')
        .default("")
        .meta({ type: 'host:port, "" off', note: "Read-only page: /health /metrics /registry /profile." }),
      hosts: z.array(z.string().min(1)).default([]).meta({
        type: "text[]",
        note: "Names besides loopback under which the status page may be asked for.",
      }),
    })
    .prefault({}),
  beckn,
  metrics: z
    .strictObject({
      libp2p: z.boolean().default(false).meta({
        type: "boolean",
        note: "Adds libp2p's and gossipsub's own metrics to the page, some two hundred names.",
      }),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: level
        .default("info")
        .meta({ type: "error, warn, info, debug, silent", note: "What is written at all." }),
      format: z
        .enum(["auto", "json", "pretty"])
        .default("auto")
        .meta({ type: "auto, json, pretty", note: "auto is pretty on a terminal, JSON elsewhere." }),
      levels: z
        .record(z.string().regex(/^[a-z][\w.-]*$/), level)
        .default({})
        .meta({ type: "subsystem = level", note: "Levels of single subsystems, e.g. network = debug." }),
    })
    .prefault({}),
  children: z
    .strictObject({
      max: z.int().min(1).max(MAX_CHILDREN).default(16).meta({
        type: "integer, 1 … 256",
        note: "Processes of agents that are programs of their own, all together.",
      }),
    })
    .prefault({}),
  drainMs: z.int().min(0).max(MAX_DRAIN_MS).default(3_000).meta({
    type: "integer, 0 … 60000, ms",
    note: "How long open calls may go on after a stop was asked for; the whole stop then ends within 5 s.",
  }),
  lab: z
    .strictObject({
      enabled: z.boolean().default(false).meta({
        type: "boolean",
        note: "Allows the lab calls, which change market time; for experiments only.",
      }),
      clockSpeed: z.int().min(1).max(MAX_CLOCK_SPEED).default(1).meta({
        type: "integer, 1 … 10000",
        note: "Market seconds per second; network time is never scaled.",
      }),
      paused: z
        .boolean()
        .default(false)
        .meta({ type: "boolean", note: "Market time stands still until a lab call sets it going." }),
      marketStartMs: z.int().min(0).optional().meta({
        type: "integer, ms since 1970",
        note: "Market time at start; without it the time of day, at other speeds counted from 1 January UTC.",
      }),
    })
    .prefault({}),
  agents: z.array(agentSchema).default([]).meta({ type: "tables", note: "Guests of this node; see below." }),
});

export type Config = z.infer<typeof configSchema>;

type SettingKind = "text" | "integer" | "boolean" | "list" | "levels" | "agents";

/** One leaf of the schema. */
export interface Setting {
  /** Dotted, e.g. `discovery.mdns`. */
  readonly key: string;
  readonly path: readonly string[];
  readonly schema: z.ZodType;
  readonly kind: SettingKind;
  readonly type: string;
  readonly note: string;
  /** Absent for tables, which only a file can hold. */
  readonly flag: string | undefined;
  readonly env: string | undefined;
  /** Undefined: no value unless somebody sets one. */
  readonly fallback: JsonValue | undefined;
  readonly byProfile: boolean;
}

/** Every setting, in the order of the schema. */
export const settings: readonly Setting[] = leavesOf(configSchema, []);

function leavesOf(schema: z.ZodObject, path: readonly string[]): Setting[] {
  return Object.entries(schema.shape).flatMap(([name, member]): Setting[] => {
    const inner = unwrapped(member as z.ZodType);
    const here = [...path, name];
    return inner instanceof z.ZodObject ? leavesOf(inner, here) : [leaf(member as z.ZodType, here)];
  });
}

function leaf(schema: z.ZodType, path: readonly string[]): Setting {
  const meta = schema.meta() as { type?: string; note?: string; byProfile?: boolean } | undefined;
  const kind = kindOf(unwrapped(schema), path);
  const words = path.map((part) => part.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)).join("-");
  const fileOnly = kind === "agents";
  return {
    key: path.join("."),
    path,
    schema,
    kind,
    type: meta?.type ?? kind,
    note: meta?.note ?? "",
    flag: fileOnly ? undefined : `--${words}`,
    env: fileOnly ? undefined : `GRIDMESH_${words.replaceAll("-", "_").toUpperCase()}`,
    fallback: schema.safeParse(undefined).data as JsonValue | undefined,
    byProfile: meta?.byProfile ?? false,
  };
}

function kindOf(schema: z.ZodType, path: readonly string[]): SettingKind {
  if (path[0] === "agents" || path[0] === "access") return "agents";
  if (schema instanceof z.ZodBoolean) return "boolean";
  if (schema instanceof z.ZodNumber) return "integer";
  if (schema instanceof z.ZodArray) return "list";
  if (schema instanceof z.ZodRecord) return "levels";
  return "text";
}

/** The schema under its defaults. */
function unwrapped(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) {
    return unwrapped(schema.unwrap() as z.ZodType);
  }
  return schema;
}
