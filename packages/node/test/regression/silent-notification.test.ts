import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { HttpLines } from "../../src/host/remote-http-lines.ts";
import { guardedFetch } from "../../src/host/ssrf-fetch.ts";
import { silentLog } from "../../src/index.ts";
import { manualClock } from "../../src/testing/index.ts";
import { eventually } from "../node-fixture.ts";

test("an agent elsewhere that leaves a notification unanswered answers requests all the same", async (t) => {
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { id } = JSON.parse(body) as { readonly id?: number };
      if (id === undefined) {
        held.push(response);
        return;
      }
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: {} }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const clock = manualClock();
  const heard: string[] = [];
  const lines = new HttpLines({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    fetch: guardedFetch({ from: "operator" }),
    headers: () => Promise.resolve({}),
    log: silentLog(),
    clock,
    onLine: (text) => heard.push(text),
    onLost: () => undefined,
  });
  lines.send('{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}');
  lines.send('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  await eventually("the notification has come", () => held.length === 1, 10_000);
  await clock.advance(60_000);
  await eventually("the request is answered", () => heard.length === 1, 10_000);
  assert.match(heard[0] ?? "", /"id":1,"result"/);
  await lines.close();
});
