import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { controlApp, listenOnSocket } from "../../src/control/app.ts";
import type { ControlContext } from "../../src/control/context.ts";

test("a stop is begun though whoever asked for it has gone before the answer", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gm-"));
  const asked = Promise.withResolvers<boolean>();
  const context = { requestStop: (now: boolean) => asked.resolve(now) } as unknown as ControlContext;
  await using _ = await listenOnSocket(controlApp(context), join(folder, "s"));
  const body = JSON.stringify({ now: true });
  const socket = connect(join(folder, "s"));
  const head = `POST /v1/node/stop HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
  socket.write(`${head}\r\n\r\n${body}`, () => socket.destroy());
  const late = setTimeout(() => asked.reject(new Error("nobody was asked to stop")), 5_000);
  assert.equal(await asked.promise, true);
  clearTimeout(late);
  await rm(folder, { recursive: true, force: true });
});
