import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeLimits } from "../../src/limits.ts";
import type { AgentChannel } from "../../src/route/channel.ts";
import type { AgentNode } from "../../src/index.ts";
import { isAlive, nodeWithChildren, smallProgram } from "../child-rig.ts";

/** A caller that reads all it is told, and answers nothing it is asked. */
class Mute {
  readonly #channel: AgentChannel;
  readonly #lines: AsyncIterator<string>;
  #lastId = 0;

  private constructor(channel: AgentChannel) {
    this.#channel = channel;
    this.#lines = channel.lines[Symbol.asyncIterator]();
  }

  static async open(node: AgentNode): Promise<Mute> {
    const mute = new Mute(await node.open("small", { proto: "mcp", mode: "session" }));
    const clientInfo = { name: "mute", version: "1" };
    await mute.ask("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo });
    return mute;
  }

  async ask(method: string, params: object): Promise<string> {
    const id = (this.#lastId += 1);
    this.#channel.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error("the session ended");
      if ((JSON.parse(value) as { readonly id: unknown }).id === id) return value;
    }
  }

  tool(name: string, given: object = {}): Promise<string> {
    return this.ask("tools/call", { name, arguments: given });
  }
}

test("callers that never answer what an agent asks them hold none of its places", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() });
  const pids: number[] = [];
  for (let n = 0; n < nodeLimits.childSessions; n += 1) {
    const mute = await Mute.open(node);
    pids.push(Number(/"text":"?(\d+)/.exec(await mute.tool("pid"))?.[1]));
    await mute.tool("ask", { methods: ["roots/list"] });
  }
  await (await Mute.open(node)).tool("pid");
  assert.deepEqual(pids.map(isAlive), [false, ...pids.slice(1).map(() => true)]);
});

test("an agent has at most 32 questions open with a caller, and is told of those that do not pass", async () => {
  await using node = await nodeWithChildren({ small: smallProgram() });
  const mute = await Mute.open(node);
  await mute.tool("ask", { methods: Array.from({ length: 40 }, (_, n) => `roots/list${n}`) });
  const told = JSON.parse(await mute.tool("answers")) as {
    readonly result: { readonly content: readonly { readonly text: string }[] };
  };
  const answers = JSON.parse(told.result.content[0]?.text ?? "") as readonly object[];
  assert.equal(answers.length, 8);
  for (const answer of answers) assert.ok("error" in answer);
});
