import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createNode } from "../../src/create-node.ts";
import { memory, memoryHub } from "../../src/network/index.ts";

test("agents that had started are stopped when the start fails after them", async () => {
  const home = await mkdtemp(join(tmpdir(), "gm-start-"));
  try {
    await mkdir(join(home, "agents"), { mode: 0o700 });
    await writeFile(join(home, "agents", "broken.key"), "{", { mode: 0o600 });
    let stopped = false;
    const first = {
      capabilities: [],
      stop() {
        stopped = true;
        return Promise.resolve();
      },
    };
    const agents = [
      { name: "first", definition: first },
      { name: "broken", definition: { capabilities: [] } },
    ];
    await assert.rejects(createNode({ network: memory({ hub: memoryHub({ seed: 1 }) }), home, agents }), {
      code: "IDENTITY_UNREADABLE",
    });
    assert.ok(stopped);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
