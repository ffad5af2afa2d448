import { isProtocolError, type JsonValue, ProtocolError, toRpcError } from "@gridmesh/protocol";
import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import { addAgent, addSchema, agentNamed, removeAgent } from "./agent-admin.ts";
import type { ControlContext } from "./context.ts";
import { checked } from "./problem.ts";
import type { AgentView, RegistryRowView } from "./types.ts";

const MAX_BATCH = 50;
const MAX_CALL_MS = 600_000;
const DEFAULT_CALL_MS = 10_000;
const FIND_TIMEOUT_MS = 3_000;

const callSchema = z.object({
  jsonrpc: z.literal("2.0"),
  id: z.union([z.string(), z.number(), z.null()]).optional(),
  /** An address, `<node>:<agent>/<method>`. */
  method: z.string().min(1),
  params: z.json().optional(),
  meta: z.object({ timeoutMs: z.int().min(1).max(MAX_CALL_MS).optional() }).optional(),
});

const registrySchema = z.object({
  capability: z.string().min(1).optional(),
  q: z.string().optional(),
  scope: z.enum(["local", "known", "network"]).default("network"),
});

export function agentRoutes(app: FastifyInstance, context: ControlContext): void {
  app.get("/agents", (): { agents: readonly AgentView[] } => ({ agents: agentsOf(context) }));
  app.post("/agents", async (request, reply) => {
    const added = await addAgent(context, checked(addSchema, request.body));
    return reply.code(201).send(added);
  });
  app.get("/agents/:name", (request): { agent: AgentView } => ({
    agent: agentNamed(context, nameOf(request.params)),
  }));
  app.delete("/agents/:name", (request) => removeAgent(context, nameOf(request.params)));
  app.get("/registry", (request) => find(context, checked(registrySchema, request.query)));
  app.post("/rpc", async (request, reply) => {
    const body = request.body;
    const signal = goneSignal(reply);
    if (!Array.isArray(body)) return answerTo(body, { context, signal });
    if (body.length === 0 || body.length > MAX_BATCH) {
      throw new ProtocolError("INVALID_REQUEST", `a batch holds 1 to ${MAX_BATCH} calls, not ${body.length}`);
    }
    return Promise.all(body.map((call) => answerTo(call, { context, signal })));
  });
}

function agentsOf(context: ControlContext): AgentView[] {
  return [...context.node.agents.list()];
}

function nameOf(params: unknown): string {
  return checked(z.object({ name: z.string().min(1).max(64) }), params).name;
}

async function find(
  context: ControlContext,
  query: z.infer<typeof registrySchema>,
): Promise<{ agents: RegistryRowView[] }> {
  const rows = await rowsOf(context, query);
  const text = query.q?.toLowerCase();
  return { agents: text === undefined ? rows : rows.filter((row) => matches(row, text)) };
}

async function rowsOf(
  context: ControlContext,
  query: { readonly capability?: string | undefined; readonly scope: "local" | "known" | "network" },
): Promise<RegistryRowView[]> {
  const { registry } = context.node;
  if (query.capability === undefined) return registry.known().map((row) => ({ ...row }));
  const rows: RegistryRowView[] = [];
  const wait = { timeoutMs: FIND_TIMEOUT_MS };
  for await (const row of registry.find({ capability: query.capability, scope: query.scope, ...wait })) {
    rows.push({ ...row });
  }
  return rows;
}

function matches(row: RegistryRowView, text: string): boolean {
  return [row.name, row.address, ...row.capabilities].some((word) => word.toLowerCase().includes(text));
}

/** Aborts when whoever asked has hung up: nobody waits for the answer any more. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort(new ProtocolError("CALL_CANCELLED", "the caller hung up"));
  });
  return gone.signal;
}

async function answerTo(
  body: unknown,
  { context, signal }: { readonly context: ControlContext; readonly signal: AbortSignal },
): Promise<JsonValue> {
  const id = (body as { id?: string | number | null } | null)?.id ?? null;
  try {
    const call = callSchema.safeParse(body);
    if (!call.success) {
      const [issue] = call.error.issues;
      throw new ProtocolError("INVALID_REQUEST", `${issue?.path.join(".")}: ${issue?.message}`);
    }
    const { method, params, meta } = call.data;
    const timeoutMs = meta?.timeoutMs ?? DEFAULT_CALL_MS;
    const result = await context.node.call(method, params ?? {}, { timeoutMs, signal });
    return { jsonrpc: "2.0", id, result };
  } catch (error) {
    const known = isProtocolError(error)
      ? error
      : new ProtocolError("INTERNAL_ERROR", (error as Error).message);
    const { code, message, data } = toRpcError(known);
    return { jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } };
  }
}
