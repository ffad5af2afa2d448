/** A headless Chromium, spoken to over its DevTools protocol. */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Tab extends AsyncDisposable {
  /** The value of an expression in the page. */
  evaluate(expression: string): Promise<unknown>;
}

interface Reply {
  readonly id?: number;
  readonly result?: {
    readonly targetId?: string;
    readonly sessionId?: string;
    readonly result?: { value?: unknown };
  };
  readonly error?: { readonly message: string };
}

/** The browser's name on PATH. */
export function chromiumOnPath(): string | undefined {
  return ["chromium", "chromium-browser", "google-chrome"].find((name) => {
    try {
      execFileSync("which", [name], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

/** Opens a page in a browser of its own. */
export async function openTab(browser: string, url: string): Promise<Tab> {
  const stack = new AsyncDisposableStack();
  const profile = mkdtempSync(join(tmpdir(), "gm-page-"));
  stack.defer(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
  const words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  const child = spawn(
    browser,
    [...words, `--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank"],
    {
      stdio: ["ignore", "ignore", "pipe"],
      // Its processes end as a group.
      detached: true,
    },
  );
  stack.defer(async () => {
    if (child.exitCode !== null || child.pid === undefined) return;
    const ended = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await ended;
  });
  try {
    const call = await devTools(await endpointOf(child.stderr), stack);
    const { targetId } = (await call("Target.createTarget", { url })) ?? {};
    const { sessionId } = (await call("Target.attachToTarget", { targetId, flatten: true })) ?? {};
    return {
      async evaluate(expression) {
        const asked = { expression, awaitPromise: true, returnByValue: true };
        return (await call("Runtime.evaluate", asked, sessionId))?.result?.value;
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function endpointOf(stderr: NodeJS.ReadableStream): Promise<string> {
  let said = "";
  for await (const line of createInterface({ input: stderr })) {
    const endpoint = /^DevTools listening on (\S+)/u.exec(line)?.[1];
    if (endpoint !== undefined) {
      stderr.resume();
      return endpoint;
    }
    said += `${line}\n`;
  }
  throw new Error(`the browser ended\n${said}`);
}

type Call = (method: string, params: object, sessionId?: string) => Promise<Reply["result"]>;

async function devTools(endpoint: string, stack: AsyncDisposableStack): Promise<Call> {
  const socket = new WebSocket(endpoint);
  await once(socket, "open");
  stack.defer(() => socket.close());
  const waiting = new Map<number, (reply: Reply) => void>();
  socket.addEventListener("message", ({ data }) => {
    const reply = JSON.parse(String(data)) as Reply;
    if (reply.id !== undefined) waiting.get(reply.id)?.(reply);
  });
  let lastId = 0;
  return async (method, params, sessionId) => {
    const id = (lastId += 1);
    const { promise, resolve } = Promise.withResolvers<Reply>();
    waiting.set(id, resolve);
    socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    const { result, error } = await promise;
    waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };
}
