/** One guest of a node: code of a module, a program of its own, or an agent at another address. */

import { z } from "zod";

const AGENT_NAME = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;
const FACTORY_NAME = /^[A-Za-z_$][\w$]*$/;
const VARIABLE_NAME = /^(?!GRIDMESH_)[A-Za-z_][A-Za-z0-9_]*$/;
const HTTP_ADDRESS = /^https?:\/\/[^/\s?#@]+(?:[/?][^\s#]*)?$/;
const ADDRESS_GLOB = /^(?:local|cap|12D3Koo[1-9A-HJ-NP-Za-km-z*?]+|\*):[a-z0-9._*?-]{1,64}$/;
const CAPABILITY = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;
const RESERVED_NAMES = ["node", "local", "cap"];

const address = z.string().regex(HTTP_ADDRESS, "an http or https address");
const text = z.string().min(1);

const members = z.strictObject({
  name: z
    .string()
    .regex(AGENT_NAME, "1 to 64 of a-z 0-9 . _ -, beginning and ending with a letter or digit")
    .refine((name) => !RESERVED_NAMES.includes(name), "node, local and cap are no agent names"),
  access: z.enum(["private", "network", "public"]).default("private"),
  module: text.optional(),
  factory: z.string().regex(FACTORY_NAME, "the name of a function the module exports").optional(),
  options: z.record(z.string(), z.json()).default({}),
  command: text.optional(),
  args: z.array(z.string()).optional(),
  cwd: text.optional(),
  env: z
    .record(z.string().regex(VARIABLE_NAME, "the name of a variable, not GRIDMESH_…"), z.string())
    .optional(),
  isolation: z.enum(["shared", "per-peer"]).optional(),
  may: z
    .array(z.string().regex(ADDRESS_GLOB, "addresses of agents, as local:meter or cap:energy.*"))
    .optional(),
  sandbox: z.enum(["node-permission"]).optional(),
  url: address.optional(),
  card: address.optional(),
  tokenFile: text.optional(),
  capabilities: z.array(z.string().regex(CAPABILITY, "a capability, as energy.sell")).optional(),
});

type Members = z.infer<typeof members>;
type Member = keyof Members;

/** What tells the kinds apart, and what else each may have besides name and access. */
const kinds = {
  module: ["factory", "options"],
  command: ["args", "cwd", "env", "isolation", "may", "sandbox", "capabilities"],
  url: ["tokenFile", "capabilities"],
  card: ["tokenFile", "capabilities"],
} as const satisfies Partial<Record<Member, readonly Member[]>>;

const kindNames = Object.keys(kinds) as (keyof typeof kinds)[];

/** Members of a table of `[[agents]]`, for whoever has mistyped one. */
export const agentKeys: readonly string[] = Object.keys(members.shape);

export const agentSchema = members.superRefine((agent, context) => {
  const given = kindNames.filter((name) => agent[name] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    const fault =
      kind === undefined ? "it says nowhere what runs" : `${given.join(" and ")} exclude each other`;
    context.addIssue({ code: "custom", message: `${fault}: give one of ${kindNames.join(", ")}`, path: [] });
    return;
  }
  if (kind === "module" && agent.factory === undefined) {
    context.addIssue({ code: "invalid_type", expected: "string", input: undefined, path: ["factory"] });
  }
  const allowed: readonly string[] = ["name", "access", kind, ...kinds[kind]];
  for (const [name, value] of Object.entries(agent)) {
    if (value === undefined || allowed.includes(name) || isNothing(value)) continue;
    context.addIssue({ code: "custom", message: `goes not with ${kind}`, path: [name] });
  }
});

/** Options nobody gave. */
function isNothing(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

export type AgentConfig = Members;
