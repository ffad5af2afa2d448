/** Tools of the conformance agent that take their time; a node lets their calls go on as tasks. */

import { setTimeout as sleep } from "node:timers/promises";
import { acceptedContent, fromJsonSchema, inputRequired, type McpServer } from "@modelcontextprotocol/server";
import { askName, elicit } from "./conformance-inputs.ts";
import { text } from "./conformance-tools.ts";

/** `required`: a caller that knows no tasks is refused. */
export const TASK_TOOLS = {
  slow_compute: "optional",
  failing_job: "required",
  protocol_error_job: "optional",
  confirm_delete: "optional",
  multi_input: "optional",
  test_tool_with_task: "required",
} as const;

/** Longer than a node waits before it makes a task of a call. */
const WORK_MS = 400;

const CONFIRM = {
  type: "object" as const,
  properties: { confirm: { type: "boolean" as const } },
  required: ["confirm"],
};
const NAME = {
  type: "object" as const,
  properties: { name: { type: "string" as const } },
  required: ["name"],
};

export function addTaskTools(server: McpServer): void {
  addJobs(server);
  addAskingJobs(server);
}

function addJobs(server: McpServer): void {
  const greeted = fromJsonSchema<{ name: string }>({ ...NAME });
  server.registerTool("greet", { description: "Greets at once", inputSchema: greeted }, ({ name }) =>
    text(`Hello, ${name}!`),
  );
  const seconds = fromJsonSchema<{ seconds?: number; label?: string }>({
    type: "object",
    properties: { seconds: { type: "number" }, label: { type: "string" } },
  });
  server.registerTool(
    "slow_compute",
    { description: "Computes for some seconds", inputSchema: seconds },
    async ({ seconds: duration = 0, label = "nothing" }, ctx) => {
      if (duration > 0) await sleep(duration * 1_000, undefined, { signal: ctx.mcpReq.signal });
      return text(`Computed ${label} for ${duration} s.`);
    },
  );
  server.registerTool("failing_job", { description: "Fails after a while" }, async () => {
    await sleep(WORK_MS);
    throw new Error("This job fails each time");
  });
  server.registerTool("protocol_error_job", { description: "Answers what no tool may answer" }, async () => {
    await sleep(WORK_MS);
    return { content: [{ type: "nonsense" }] } as never;
  });
}

/** Jobs that need something of their caller. */
function addAskingJobs(server: McpServer): void {
  const file = fromJsonSchema<{ filename?: string }>({
    type: "object",
    properties: { filename: { type: "string" } },
  });
  server.registerTool(
    "confirm_delete",
    { description: "Asks before it deletes", inputSchema: file },
    async ({ filename = "nothing" }, ctx) => {
      const given = acceptedContent<{ confirm: boolean }>(ctx.mcpReq.inputResponses, "confirm");
      if (given !== undefined) return text(given.confirm ? `Deleted ${filename}.` : `Kept ${filename}.`);
      await sleep(WORK_MS);
      return inputRequired({ inputRequests: { confirm: elicit(`Delete ${filename}?`, CONFIRM) } });
    },
  );
  server.registerTool("multi_input", { description: "Asks for two things at once" }, async (ctx) => {
    const first = acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, "first");
    const second = acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, "second");
    if (first !== undefined && second !== undefined) return text(`${first.name} and ${second.name}`);
    await sleep(WORK_MS);
    const inputRequests = {
      first: elicit("The first name?", NAME),
      second: elicit("The second name?", NAME),
    };
    return inputRequired({ inputRequests });
  });
  server.registerTool("test_tool_with_task", { description: "Asks for a name, then works" }, async (ctx) => {
    const given = acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, "user_name");
    if (given === undefined) return inputRequired({ inputRequests: { user_name: askName() } });
    await sleep(WORK_MS);
    return text(`Done for ${given.name}.`);
  });
}
