import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../../src/cli/index.ts";
import { memoryIo } from "../memory-io.ts";

const EVIL = "a\u001b[2J\u009b31m\u0007z";
const finding = { code: "NETWORK_SPLIT", severity: "warning", text: EVIL, fix: "none", sinceMs: 0 };
const answers: Readonly<Record<string, unknown>> = {
  "/v1/rpc": { jsonrpc: "2.0", id: 1, result: { text: EVIL } },
  "/v1/peers/x/find": { addresses: [`/dns4/${EVIL}/tcp/1`] },
  "/v1/node": { peerId: "x", state: "running", version: "1", network: EVIL, profile: "lan", addresses: [] },
  "/v1/findings": { findings: [finding] },
  "/v1/peers": { peers: [] },
  "/v1/agents": { agents: [] },
  "/v1/trades": { trades: [] },
  "/v1/config": { values: [] },
};

test("what remote nodes say cannot move the terminal's cursor, in lines or in JSON", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gm-"));
  const socket = join(folder, "s");
  const server = createServer((request, response) =>
    response.end(JSON.stringify(answers[request.url ?? ""])),
  );
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    for (const words of [["call", "node/x"], ["peers", "find", "x"], ["status"]]) {
      for (const form of [[], ["--json"]]) {
        const io = memoryIo();
        assert.equal(await run([...words, ...form, "--node", `unix:${socket}`], io), 0, io.stderr());
        assert.doesNotMatch(io.stdout().replaceAll("\n", ""), /\p{Cc}/u, words.join(" "));
        if (form.length > 0)
          assert.ok(JSON.stringify(JSON.parse(io.stdout())).includes(JSON.stringify(EVIL).slice(1, -1)));
      }
    }
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
});
