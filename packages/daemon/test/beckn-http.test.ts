import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { configOf, openMarket, partyOf, type Party } from "./beckn-market.ts";
import { bodyOf, type PlainParticipant, plainParticipant, type Taken } from "./plain-beckn.ts";
import { startedDaemon, temporaryHome } from "./running.ts";

const order = (status: string) => ({ order: { id: "order-1", status, items: [{ id: "sun-hour" }] } });

suite("Beckn over HTTP", { timeout: 60_000 }, () => {
  test("two programs that speak plain HTTP make a whole transaction over the mesh, every body byte for byte", async () => {
    let buyerKeys = "";
    let sellerKeys = "";
    let answer: (taken: Taken) => void = () => undefined;
    await using buyer = await plainParticipant(() => buyerKeys);
    await using seller = await plainParticipant(() => sellerKeys, { onTaken: (taken) => answer(taken) });
    await using market = await openMarket(buyer, seller);
    const { bap, bpp } = market;
    ({ buyerKeys, sellerKeys } = market);

    const transactionId = randomUUID();
    const said = new Map<string, string>();
    // The seller answers each request with its callback, as its own program decides.
    answer = ({ action, context }) => {
      const message =
        action === "search"
          ? { catalog: { providers: [] } }
          : order(action === "confirm" ? "ACTIVE" : "DRAFT");
      const body = bodyOf({
        action: `on_${action}`,
        bap,
        bpp,
        transactionId,
        messageId: context["message_id"] ?? "",
        message,
      });
      said.set(`on_${action}`, body);
      void seller.say(sellerKeys, `/bpp/caller/on_${action}`, body).then(({ status, text }) => {
        assert.equal(status, 200, text);
      });
    };

    for (const action of ["search", "select", "init", "confirm", "status"]) {
      const message =
        action === "search" ? { intent: {} } : action === "status" ? { order_id: "order-1" } : order("DRAFT");
      const body = bodyOf({
        action,
        bap,
        ...(action === "search" ? {} : { bpp }),
        transactionId,
        message,
      });
      said.set(action, body);
      const { status, text } = await buyer.say(buyerKeys, `/bap/caller/${action}`, body);
      assert.equal(status, 200, text);
      assert.match(text, /"ACK"/);
      const callback = await buyer.next(`on_${action}`);
      assert.equal(callback.body.toString(), said.get(`on_${action}`));
    }
    assert.deepEqual(
      seller.taken.map(({ action }) => action),
      ["search", "select", "init", "confirm", "status"],
    );
    for (const { action, body } of seller.taken) assert.equal(body.toString(), said.get(action));
    // Nobody's signature was made anew on the way: the buyer's agent signed all that the seller took.
    for (const { authorization } of seller.taken) assert.ok(authorization.includes(`keyId="${bap.id}|`));
    for (const { authorization } of buyer.taken) assert.ok(authorization.includes(`keyId="${bpp.id}|`));

    // The same signed bytes once more: the same answer, and the program is not asked again.
    const [confirm] = seller.taken.filter(({ action }) => action === "confirm");
    assert.ok(confirm);
    const again = await fetch(`${bpp.uri}/confirm`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: confirm.authorization },
      body: new Uint8Array(confirm.body),
    });
    assert.equal(again.status, 200);
    assert.ok(again.headers.get("signature")?.includes(bpp.id), "the seller's agent has signed the answer");
    assert.equal(seller.taken.filter(({ action }) => action === "confirm").length, 1);

    const [search] = seller.taken.filter(({ action }) => action === "search");
    assert.ok(search);
    const forged = new Uint8Array(confirm.body);
    forged[forged.length - 5] = 0x20;
    const rows: [
      name: string,
      path: string,
      init: { body: Uint8Array<ArrayBuffer>; authorization?: string },
      status: number,
      word: RegExp,
    ][] = [
      [
        "a changed byte",
        `${bpp.uri}/confirm`,
        { body: forged, authorization: confirm.authorization },
        401,
        /AUT_SIGNATURE_INVALID/,
      ],
      ["no signature", `${bpp.uri}/confirm`, { body: forged }, 401, /AUT_SIGNATURE_MISSING/],
      [
        "another action's path",
        `${bpp.uri}/init`,
        { body: new Uint8Array(confirm.body), authorization: confirm.authorization },
        400,
        /CTX_ACTION_MISMATCH/,
      ],
      [
        "another agent's path",
        `${bpp.uri.replace("/shop/", "/other/")}/confirm`,
        { body: new Uint8Array(confirm.body), authorization: confirm.authorization },
        400,
        /CTX_INVALID_FIELD/,
      ],
      [
        "a callback to a seller",
        `${bpp.uri}/on_confirm`,
        { body: new Uint8Array(confirm.body), authorization: confirm.authorization },
        400,
        /CTX_INVALID_FIELD/,
      ],
    ];
    for (const [name, path, { body, authorization }, status, word] of rows) {
      const refused = await fetch(path, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(authorization === undefined ? {} : { authorization }),
        },
        body,
      });
      const text = await refused.text();
      assert.equal(refused.status, status, `${name}: ${text}`);
      assert.match(text, word, name);
    }
    assert.equal(seller.taken.length, 5, "nothing of it reached the program");

    // What one signer may have carried in its name is this node's to say: others would count it as the node's.
    answer = () => undefined;
    const counted = new Set<number>();
    for (let batch = 0; batch < 20 && !counted.has(429); batch += 1) {
      const flood = await Promise.all(
        Array.from({ length: 60 }, async () => {
          const about = { action: "select", bap, bpp, message: order("DRAFT") };
          return buyer.say(
            buyerKeys,
            "/bap/caller/select",
            bodyOf({ ...about, transactionId: randomUUID() }),
          );
        }),
      );
      for (const { status } of flood) counted.add(status);
    }
    assert.deepEqual(counted, new Set([200, 429]), "some are over its rate");
  });

  test("only who may can have a body signed, only as an agent of the node, and only for places the operator named", async () => {
    using home = temporaryHome();
    await using program = await plainParticipant(() => "");
    await using daemon = await startedDaemon(home.home, {
      config: configOf({ agent: "home", url: program.url, sells: false, more: "" }),
    });
    const adapter = daemon.node.becknHttp ?? "";
    const bap = await partyOf(daemon, "home", "bap");
    const file = join(home.home, "beckn-http.token");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const token = readFileSync(file, "utf8").trim();
    const elsewhere = { id: "shop.example", uri: "http://127.0.0.1:1/bpp" };
    const select = (changes: { readonly bap?: Party; readonly bpp?: Party } = {}) =>
      bodyOf({
        action: "select",
        bap,
        bpp: elsewhere,
        transactionId: randomUUID(),
        message: order("DRAFT"),
        ...changes,
      });

    const refused = async (given: { body: string; token?: string; headers?: Record<string, string> }) => {
      const response = await fetch(`${adapter}/bap/caller/select`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(given.token === undefined ? {} : { authorization: `Bearer ${given.token}` }),
          ...given.headers,
        },
        body: given.body,
      });
      return { status: response.status, text: await response.text() };
    };
    const without = await refused({ body: select() });
    assert.equal(without.status, 401, without.text);
    assert.match(without.text, /beckn-http\.token/);
    assert.equal((await refused({ body: select(), token: `${token}x` })).status, 401);
    const page = await refused({ body: select(), token, headers: { origin: "http://evil.example" } });
    assert.equal(page.status, 401, page.text);
    const stranger = await refused({ body: select({ bap: { ...bap, id: elsewhere.id } }), token });
    assert.match(stranger.text, /is no agent of this node/);
    const inside = await refused({ body: select(), token });
    assert.equal(inside.status, 403, inside.text);
    assert.match(inside.text, /beckn\.http\.partners/);
    const large = await refused({ body: select().padEnd(300_000), token });
    assert.equal(large.status, 413, large.text);
  });

  test("a program that is down costs its callers an answer that says so, and takes the same message when it is back", async () => {
    let keysAt = "";
    const seller: PlainParticipant = await plainParticipant(() => keysAt);
    await using buyer = await plainParticipant(() => keysAt);
    await using market = await openMarket(buyer, seller);
    const { bap, bpp } = market;
    keysAt = market.buyerKeys;
    await seller[Symbol.asyncDispose]();
    const body = bodyOf({ action: "select", bap, bpp, transactionId: randomUUID(), message: order("DRAFT") });
    const { status, text } = await buyer.say(keysAt, "/bap/caller/select", body);
    assert.equal(status, 500, text);
    assert.match(text, /NET_INTERNAL_ERROR: the program behind the agent did not take select/);

    // The same message once more, when it is there again on its port: nothing of the first try stands in the way.
    await using back = await plainParticipant(() => keysAt, { port: Number(new URL(seller.url).port) });
    const later = await buyer.say(keysAt, "/bap/caller/select", body);
    assert.equal(later.status, 200, later.text);
    assert.equal((await back.next("select")).body.toString(), body);
  });
});
