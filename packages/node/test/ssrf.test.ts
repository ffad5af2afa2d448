/** Addresses that others tell lead nowhere inside; the operator's own lead where they say and no further. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { isPublicAddress } from "../src/host/ssrf.ts";
import { guardedFetch } from "../src/host/ssrf-fetch.ts";

async function listening(answer: RequestListener, address = "127.0.0.1") {
  let reached = 0;
  const server = createServer((request, response) => {
    reached += 1;
    answer(request, response);
  });
  server.listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    reached: () => reached,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const SPELLINGS = [
  "http://127.0.0.1:PORT/",
  "http://127.1:PORT/",
  "http://0x7f.1:PORT/",
  "http://0177.0.0.1:PORT/",
  "http://2130706433:PORT/",
  "http://017700000001:PORT/",
  "http://0x7f000001:PORT/",
  "http://①②⑦.⓪.⓪.①:PORT/",
  "http://127。0。0。1:PORT/",
  "http://0:PORT/",
  "http://0.0.0.0:PORT/",
  "http://[::1]:PORT/",
  "http://[::]:PORT/",
  "http://[::ffff:127.0.0.1]:PORT/",
  "http://[::ffff:7f00:1]:PORT/",
  "http://[0:0:0:0:0:ffff:7f00:0001]:PORT/",
  "http://[::7f00:1]:PORT/",
  "http://[64:ff9b::7f00:1]:PORT/",
  "http://[2002:7f00:1::]:PORT/",
  "http://localhost:PORT/",
  "http://localhost.:PORT/",
  "http://LOCALHOST:PORT/",
  "http://user@127.0.0.1:PORT/",
  "http://8.8.8.8@127.0.0.1:PORT/",
  "http://127.0.0.1:PORT@localhost:PORT/",
  "http://127.255.255.254:PORT/",
  "http://169.254.169.254:PORT/latest/meta-data",
  "http://10.0.0.1:PORT/",
  "ftp://127.0.0.1:PORT/",
  "file:///etc/passwd",
  "gopher://127.0.0.1:PORT/",
  "http:127.0.0.1:PORT",
];

test("none of thirty-two spellings of an address inside is reached", async () => {
  await using inside = await listening((_request, response) => response.end("inside"));
  const learned = guardedFetch({ from: "learned" });
  for (const spelling of SPELLINGS) {
    const url = spelling.replaceAll("PORT", String(inside.port));
    await assert.rejects(learned(url), { code: "UPSTREAM_FORBIDDEN" }, url);
  }
  assert.equal(inside.reached(), 0);
});

test("no redirect leads inside, by number or by name, and none of the operator's to another origin", async () => {
  await using inside = await listening((_request, response) => response.end("inside"));
  const seen: (string | undefined)[] = [];
  await using outside = await listening((request, response) => {
    seen.push(request.headers.authorization);
    const places: Readonly<Record<string, string>> = {
      "/number": `http://127.0.0.1:${inside.port}/`,
      "/mapped": `http://[::ffff:7f00:1]:${inside.port}/`,
      "/name": `http://inside.example:${inside.port}/`,
      "/file": "file:///etc/passwd",
      "/elsewhere": `http://elsewhere.example:${outside.port}/end`,
    };
    const to = places[request.url ?? ""];
    if (to === undefined) response.end("outside");
    else response.writeHead(307, { location: to }).end();
  }, "127.0.0.2");
  const resolve = (name: string) =>
    Promise.resolve([{ address: name === "inside.example" ? "127.0.0.1" : "127.0.0.2", family: 4 }]);
  // One address of this machine stands for the open internet, the others are inside.
  const judge = (address: string) => address === "127.0.0.2";
  const learned = guardedFetch({ from: "learned", resolve, judge });
  const operator = guardedFetch({ from: "operator", resolve });
  const to = (path: string) => `http://outside.example:${outside.port}${path}`;
  const init = { headers: { authorization: "Bearer own" } };
  for (const path of ["/number", "/mapped", "/name", "/file"]) {
    await assert.rejects(learned(to(path), init), { code: "UPSTREAM_FORBIDDEN" }, path);
    await assert.rejects(operator(to(path), init), { code: "UPSTREAM_FORBIDDEN" }, path);
  }
  await assert.rejects(operator(to("/elsewhere"), init), { code: "UPSTREAM_FORBIDDEN" });
  assert.equal(inside.reached(), 0);
  seen.length = 0;
  assert.equal(await (await learned(to("/elsewhere"), init)).text(), "outside");
  // A right to one place is none to another.
  assert.deepEqual(seen, ["Bearer own", undefined]);
});

test("a name is judged by what it means when the connection is made, not by what it meant before", async () => {
  await using inside = await listening((_request, response) => response.end("inside"));
  const meant: string[] = [];
  const resolve = () => {
    const address = meant.length === 0 ? "203.0.114.7" : "127.0.0.1";
    meant.push(address);
    return Promise.resolve([{ address, family: 4 }]);
  };
  assert.ok(isPublicAddress((await resolve())[0]?.address ?? ""));
  const learned = guardedFetch({ from: "learned", resolve });
  await assert.rejects(learned(`http://rebinds.example:${inside.port}/`), { code: "UPSTREAM_FORBIDDEN" });
  const mixed = [
    { address: "203.0.114.7", family: 4 },
    { address: "::1", family: 6 },
  ];
  const both = guardedFetch({ from: "learned", resolve: () => Promise.resolve(mixed) });
  await assert.rejects(both(`http://two.example:${inside.port}/`), { code: "UPSTREAM_FORBIDDEN" });
  assert.equal(inside.reached(), 0);
});

test("the operator's own address may be inside; its answer is bounded", async () => {
  await using inside = await listening((request, response) => {
    if (request.url === "/moved") return response.writeHead(308, { location: "/" }).end();
    if (request.url === "/long") return response.end("x".repeat(10_000));
    return request.pipe(response);
  });
  const operator = guardedFetch({ from: "operator", maxBytes: 1_000 });
  const to = (path: string) => `http://127.0.0.1:${inside.port}${path}`;
  const answer = await operator(to("/moved"), { method: "POST", body: "hello" });
  assert.equal(await answer.text(), "hello");
  await assert.rejects(
    operator(to("/long")).then((long) => long.text()),
    { code: "FRAME_TOO_LARGE" },
  );
});

test("addresses of the open internet are public, the first and last of each blocked range are not", () => {
  for (const address of [
    "1.1.1.1",
    "100.63.255.255",
    "172.32.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2003::1",
  ]) {
    assert.ok(isPublicAddress(address), address);
  }
  const blocked = `0.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 169.254.0.1 172.16.0.0 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::ffff:8.8.8.8 64:ff9b::1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:808:808::1 fc00::1 fdff::1 fe80::1 febf::1 ff02::1 fe80::1%eth0`;
  for (const address of [...blocked.split(" "), "", "not an address"])
    assert.ok(!isPublicAddress(address), address);
});
