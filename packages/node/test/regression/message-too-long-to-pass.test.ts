import assert from "node:assert/strict";
import { test } from "node:test";
import { exchangeA2a } from "../../src/host/a2a-exchange.ts";
import { nodeLimits } from "../../src/limits.ts";
import type { AgentChannel } from "../../src/route/channel.ts";
import { channelPair } from "../../src/route/channel-pair.ts";

const request = (text: string) =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method: "SendMessage", params: { text } });

test("a message that is too long to be passed on leaves no channel open", { timeout: 20_000 }, async () => {
  const [near, far] = channelPair({ era: "modern", versions: [] });
  const body = request("x".repeat(nodeLimits.rpcLineBytes - request("").length));
  await assert.rejects(
    exchangeA2a(() => Promise.resolve(near), { body }),
    { code: "FRAME_TOO_LARGE" },
  );
  assert.ok((await far.closed) instanceof Error);
});

test("an agent that ends without an answer leaves no channel open", { timeout: 20_000 }, async () => {
  const [near, far] = channelPair({ era: "modern", versions: [] });
  const open = (): Promise<AgentChannel> => {
    far.end();
    return Promise.resolve(near);
  };
  await assert.rejects(exchangeA2a(open, { body: request("x") }), { code: "AGENT_CRASHED" });
  await far.closed;
});
