/** Guests that come and go while the daemon runs. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isProtocolError, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import { z } from "zod";
import { type AgentConfig, agentSchema } from "../config/agent-schema.ts";
import { withAgent, withoutAgent } from "../config/edit-agents.ts";
import { CONFIG_FILE, parseConfig } from "../config/read-file.ts";
import { writePrivate } from "../home.ts";
import { loadAgent } from "../load-agents.ts";
import type { ControlContext } from "./context.ts";
import type { AddedAgentView, AgentView } from "./types.ts";

export const addSchema = z.strictObject({
  name: z.string(),
  access: z.enum(["private", "network", "public"]).default("private"),
  source: z.record(z.string(), z.json()),
  /** Kept in config.toml, so that it is there after the next start. */
  save: z.boolean().default(true),
});

/** Time for a program to come up, answer and say what it can do. */
const START_MS = 12_000;

/** @throws INVALID_PARAMS, AGENT_NAME_TAKEN, AGENT_START_FAILED with what it said in `data.stderr`, DISK_FAILED. */
export async function addAgent(
  context: ControlContext,
  { name, access, source, save }: z.infer<typeof addSchema>,
): Promise<AddedAgentView> {
  const { node, home, rights } = context;
  const agent = checkedAgent({ ...source, name, access });
  if (node.agents.list().some((other) => other.name === name))
    throw taken(`agent ${name} lives here already`);
  if (save) checkFree(home, name);
  const { definition } = await loadAgent(agent, home, rights);
  const registration = node.agents.register(name, definition, { access });
  try {
    await registration.ready;
    const tools = await toolsOf(context, name);
    if (save) writeConfig(home, withAgent(configText(home), agent));
    return { agent: agentNamed(context, name), tools };
  } catch (error) {
    await node.agents.unregister(name).catch(() => undefined);
    throw error;
  }
}

/** @throws AGENT_NOT_FOUND, CONFIG_INVALID, DISK_FAILED. */
export async function removeAgent(
  context: ControlContext,
  name: string,
): Promise<{ readonly saved: boolean }> {
  const { node, home } = context;
  agentNamed(context, name);
  const without = withoutAgent(configText(home), name);
  await node.agents.unregister(name);
  if (without !== undefined) writeConfig(home, without);
  return { saved: without !== undefined };
}

/** @throws AGENT_NOT_FOUND. */
export function agentNamed({ node }: ControlContext, name: string): AgentView {
  const found = node.agents.list().find((agent) => agent.name === name);
  if (found === undefined) throw new ProtocolError("AGENT_NOT_FOUND", `no agent ${name} here`);
  return found;
}

function checkedAgent(given: JsonValue): AgentConfig {
  const result = agentSchema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.join(".") ?? "";
  throw new ProtocolError(
    "INVALID_PARAMS",
    `${where === "" ? "" : `${where}: `}${issue?.message ?? "invalid"}`,
  );
}

/** A name that the file has and the daemon has not, because it was written there since. */
function checkFree(home: string, name: string): void {
  const rows = parseConfig(configText(home)).tree["agents"];
  const has = Array.isArray(rows) && rows.some((row) => (row as { name?: unknown }).name === name);
  if (has) throw taken(`config.toml has an agent ${name} already`);
}

function taken(why: string): ProtocolError {
  return new ProtocolError("AGENT_NAME_TAKEN", why);
}

/** How many tools it offers; null for one that has none to list. */
async function toolsOf({ node }: ControlContext, name: string): Promise<number | null> {
  try {
    const result = await node.call(`local:${name}/tools/list`, {}, { timeoutMs: START_MS });
    const { tools } = result as { readonly tools?: readonly unknown[] };
    return tools?.length ?? null;
  } catch (error) {
    if (isProtocolError(error) && ["METHOD_NOT_FOUND", "HANDLER_FAILED"].includes(error.code)) return null;
    throw error;
  }
}

function configText(home: string): string {
  try {
    return readFileSync(join(home, CONFIG_FILE), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw new ProtocolError("DISK_FAILED", `${CONFIG_FILE} cannot be read`, { cause: error });
  }
}

function writeConfig(home: string, text: string): void {
  try {
    writePrivate(join(home, CONFIG_FILE), text);
  } catch (error) {
    throw new ProtocolError("DISK_FAILED", `${CONFIG_FILE} cannot be written`, { cause: error });
  }
}
