/** What strangers, partners and registries could do to a node that takes Beckn over HTTP. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { suite, test } from "node:test";
import { createNode, memory, memoryHub, silentLog } from "@gridmesh/node";
import fastify from "fastify";
import { checkListen, tokenIn } from "../../src/gateway/beckn-http/caller-guard.ts";
import { receiveSigned } from "../../src/gateway/beckn-http/passing.ts";
import { answer } from "../../src/gateway/beckn-http/paths.ts";
import { allowedPlace, post } from "../../src/gateway/beckn-http/outgoing.ts";
import { subscriberKeys } from "../../src/gateway/beckn-http/subscriber-keys.ts";
import { startedDaemon, temporaryHome } from "../running.ts";

const key = Buffer.alloc(32, 7).toString("base64");
const message = { profile: "beckn/1", action: "select", authorization: "", body: new Uint8Array() } as const;

async function listening(listener: RequestListener): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

suite("Beckn over HTTP among strangers", { timeout: 60_000 }, () => {
  test("a token's file that was left empty lets nobody in", () => {
    using home = temporaryHome();
    writeFileSync(join(home.home, "beckn-http.token"), "", { mode: 0o600 });
    assert.throws(() => tokenIn(home.home), { code: "DISK_FAILED" });
  });

  test("bodies are signed without a token for this machine alone", () => {
    for (const listen of ["0.0.0.0:4881", "[::]:4881", "192.0.2.1:4881"]) {
      assert.throws(() => checkListen(listen, "loopback"), { code: "CONFIG_INVALID" }, listen);
      checkListen(listen, "token");
    }
    for (const listen of ["127.0.0.1:0", "localhost:4881", "[::1]:4881"]) checkListen(listen, "loopback");
  });

  test("an answer without an end is not read to its end", async () => {
    let sent = 0;
    await using endless = await listening((_request, response) => {
      const more = (): void => {
        while (sent < 64 * 1024 * 1024 && response.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      response.on("drain", more);
      more();
    });
    await assert.rejects(post(endless.url, message, { timeoutMs: 5_000 }), { code: "UPSTREAM_FAILED" });
    const keys = subscriberKeys([], [endless.url]);
    assert.equal(await keys.find("shop.example", "k1"), undefined);
    assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`);
  });

  test("a place whose scheme has no origin is no place of a partner's", () => {
    for (const uri of ["blob:http://shop.example/x", "data:text/plain,x", "file:///etc/hosts"]) {
      assert.throws(() => allowedPlace(uri, ["http://shop.example", "shop:80"]), {
        code: "UPSTREAM_FORBIDDEN",
      });
    }
  });

  test("a registry's record of another subscriber is nobody's key, and no name leaves its part of the path", async () => {
    const asked: string[] = [];
    await using registry = await listening((request, response) => {
      asked.push(request.url ?? "");
      const details = { subscriber_id: "shop.example", signing_public_key: key, status: "SUBSCRIBED" };
      response.end(JSON.stringify({ data: { details } }));
    });
    const keys = subscriberKeys([], [registry.url]);
    assert.equal((await keys.find("shop.example", "k1"))?.length, 32);
    assert.equal(await keys.find("other.example", "k1"), undefined);
    assert.equal(await keys.find("..", "k1"), undefined);
    assert.equal(await keys.find("shop.example", ".."), undefined);
    assert.equal(asked.length, 2);
  });

  test("no more strangers' keys are looked up at once than the node bears, and pinned ones are known meanwhile", async () => {
    let open = 0;
    await using registry = await listening(() => void (open += 1));
    const keys = subscriberKeys([`shop.example|k1|${key}`], [registry.url]);
    const found = Array.from({ length: 64 }, async (_, index) => keys.find(`${index}.example`, "k1"));
    const refused = found.slice(32).map((one) => assert.rejects(one, { code: "OVERLOADED" }));
    await Promise.all(refused);
    assert.equal((await keys.find("shop.example", "k1"))?.length, 32);
    const others = await Promise.all(found.slice(0, 32));
    assert.ok(others.every((one) => one === undefined));
    assert.ok(open <= 32);
  });

  test("a signature that is over asks no registry whose it was", async () => {
    let asked = 0;
    await using node = await createNode({ network: memory({ hub: memoryHub({ seed: 1 }) }) });
    const keys = {
      find() {
        asked += 1;
        return Promise.resolve(undefined);
      },
    };
    const authorization = (nowS: number) =>
      `Signature keyId="shop.example|k1|ed25519",algorithm="ed25519",created="${nowS}",expires="${nowS + 300}",` +
      `headers="(created) (expires) digest",signature="${"A".repeat(86)}=="`;
    const received = (nowS: number) =>
      receiveSigned(
        { node, keys, partners: [], acceptNfhDigestPrefix: false },
        {
          named: { action: "select", name: "select" },
          body: new Uint8Array(),
          authorization: authorization(nowS),
        },
      );
    const nowS = Math.floor(Date.now() / 1_000);
    await assert.rejects(received(nowS - 3_600), { code: "BECKN_SIGNATURE_INVALID" });
    await assert.rejects(received(nowS + 3_600), { code: "BECKN_SIGNATURE_INVALID" });
    assert.equal(asked, 0);
    await assert.rejects(received(nowS), { code: "BECKN_SUBSCRIBER_UNKNOWN" });
    assert.equal(asked, 1);
  });

  test("requests beyond what the node bears at once are refused, and nothing stays counted", async () => {
    const app = fastify();
    const gateway = { log: silentLog(), busy: { requests: 0 } };
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    app.post("/", (request, reply) =>
      answer(gateway, { request, reply }, async () => {
        await ended;
        return { status: 200, body: new Uint8Array() };
      }),
    );
    const asked = Array.from({ length: 300 }, async () => app.inject({ method: "POST", url: "/" }));
    const refused = await Promise.any(asked);
    assert.equal(refused.statusCode, 500);
    assert.match(refused.body, /NET_OVERLOADED/);
    end();
    const taken = (await Promise.all(asked)).filter(({ statusCode }) => statusCode === 200);
    assert.equal(taken.length, 256);
    assert.equal(gateway.busy.requests, 0);
  });

  test("who opens a request and does not end it is shown out", async () => {
    using home = temporaryHome();
    await using daemon = await startedDaemon(home.home, {
      config:
        'network = "plain"\nprofile = "testnet"\n[beckn.http]\nenabled = true\nlisten = "127.0.0.1:0"\n',
    });
    const { hostname: host, port } = new URL(daemon.node.becknHttp ?? "");
    const socket = connect({ host, port: Number(port) });
    await once(socket, "connect");
    socket.write("POST /bpp/receiver/select HTTP/1.1\r\nHost: ");
    socket.resume();
    await once(socket, "close", { signal: AbortSignal.timeout(25_000) });
  });
});
