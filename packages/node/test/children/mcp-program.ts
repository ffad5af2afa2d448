/** A small program that speaks MCP's older revision by hand, and misbehaves when it is asked to. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const stubborn = process.argv.includes("--stubborn");
const mute = process.argv.includes("--mute");
const dying = process.argv.includes("--dies-of-a-probe");
const stillborn = process.argv.includes("--stillborn");
if (stillborn) {
  process.stderr.write("the database is not there\n");
  process.exit(3);
}
if (stubborn) {
  process.on("SIGTERM", () => undefined);
  setInterval(() => undefined, 1_000);
}

type Tool = (given: Record<string, unknown>, id: unknown) => string | number | boolean | undefined;

let calls = 0;
const tools: Readonly<Record<string, Tool>> = {
  echo: ({ text }) => text as string,
  pid: () => process.pid,
  count: () => (calls += 1),
  env: () => JSON.stringify(process.env),
  crash: () => process.kill(process.pid, "SIGKILL"),
  hang: () => undefined,
  junk: () => {
    process.stdout.write('not json\n{"jsonrpc":"1.0"}\n[1]\n\n');
    return "ok";
  },
  huge: () => {
    process.stdout.write("x".repeat(5 * 1024 * 1024));
    return undefined;
  },
  forge: (_given, id) => {
    for (let other = 1; other < 50; other += 1) {
      if (other !== id) say({ id: other, result: { content: [{ type: "text", text: "forged" }] } });
      say({ method: "notifications/progress", params: { progressToken: other + 50, progress: 1 } });
    }
    return "ok";
  },
  ask: ({ methods }) => {
    for (const method of methods as string[]) say({ id: `ask ${method}`, method, params: {} });
    return "asked";
  },
  answers: () => JSON.stringify(answers),
  grandchild: () => {
    const child = spawn(process.execPath, ["-e", "process.on('SIGTERM',()=>{});setInterval(()=>{},1000)"]);
    return child.pid;
  },
};
const answers: unknown[] = [];

function say(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

function answer(message: { id?: unknown; method?: string; params?: Record<string, unknown> }): void {
  const { id, method, params = {} } = message;
  if (method === undefined) return void answers.push(message);
  if (id === undefined || mute) return;
  if (dying && method === "server/discover") process.exit(1);
  if (method === "initialize") {
    const { protocolVersion } = params;
    say({
      id,
      result: { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "small", version: "1" } },
    });
  } else if (method === "tools/list") {
    say({
      id,
      result: { tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: "object" } })) },
    });
  } else if (method === "tools/call") {
    const result = tools[String(params["name"])]?.(
      (params["arguments"] ?? {}) as Record<string, unknown>,
      id,
    );
    if (result !== undefined) say({ id, result: { content: [{ type: "text", text: String(result) }] } });
  } else say({ id, error: { code: -32601, message: "Method not found" } });
}

createInterface({ input: process.stdin }).on("line", (line) => answer(JSON.parse(line)));
