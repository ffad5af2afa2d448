import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { suite, test } from "node:test";
import { parseAuthorization, signBeckn } from "@gridmesh/protocol";
import { signerOf } from "../../protocol/test/keys.ts";
import { configOf, openMarket, partyOf } from "./beckn-market.ts";
import { bodyOf, plainParticipant, type Taken } from "./plain-beckn.ts";
import { startedDaemon, temporaryHome } from "./running.ts";

const contract = (code: string) => ({
  contract: {
    id: "contract-1",
    status: { code },
    commitments: [{ id: "c", resources: [], offer: { id: "sun" } }],
  },
});

suite("revision 2 of Beckn over HTTP", { timeout: 60_000 }, () => {
  test("two programs make a whole transaction over the mesh by its own paths, every body byte for byte", async () => {
    let keysAt = ["", ""];
    let answer: (taken: Taken) => void = () => undefined;
    await using buyer = await plainParticipant(() => keysAt[0] ?? "");
    await using seller = await plainParticipant(() => keysAt[1] ?? "", { onTaken: (taken) => answer(taken) });
    await using market = await openMarket(buyer, seller);
    const { bap, bpp, buyerKeys, sellerKeys } = market;
    keysAt = [buyerKeys, sellerKeys];
    const revision = "2.0" as const;
    const transactionId = randomUUID();
    const said = new Map<string, string>();
    answer = ({ action, context }) => {
      const message = action === "discover" ? { catalogs: [] } : contract("ACTIVE");
      const messageId = context["messageId"] ?? "";
      const body = bodyOf({ revision, action: `on_${action}`, bap, bpp, transactionId, messageId, message });
      said.set(`on_${action}`, body);
      void seller.say(sellerKeys, `/bpp/caller/on_${action}`, body).then(({ status, text }) => {
        assert.equal(status, 200, text);
      });
    };
    for (const action of ["discover", "select", "init", "confirm", "status", "rate"]) {
      const message = action === "discover" ? { intent: {} } : contract("DRAFT");
      const to = action === "discover" ? {} : { bpp };
      const body = bodyOf({ revision, action, bap, ...to, transactionId, message });
      said.set(action, body);
      const { status, text } = await buyer.say(buyerKeys, `/bap/caller/${action}`, body);
      assert.equal(status, 200, text);
      assert.match(text, /"status":"ACK"/);
      const callback = await buyer.next(`on_${action}`);
      assert.equal(callback.body.toString(), said.get(`on_${action}`));
      assert.equal((await seller.next(action)).body.toString(), said.get(action));
    }
    // The paths of one revision do not take the other's bodies.
    const about = { action: "discover", bap, transactionId, message: { intent: {} } };
    const wrong = await buyer.say(buyerKeys, "/bap/caller/search", bodyOf({ revision, ...about }));
    assert.deepEqual([wrong.status, /CTX_ACTION_MISMATCH/.test(wrong.text)], [400, true], wrong.text);
    const old = await buyer.say(buyerKeys, "/bap/caller/discover", bodyOf({ ...about, action: "search" }));
    assert.deepEqual([old.status, /CTX_ACTION_MISMATCH/.test(old.text)], [400, true], old.text);
  });

  test("catalogs that a program publishes are told to whoever searches, in either revision, until it takes them back", async () => {
    let keysAt = ["", ""];
    await using buyer = await plainParticipant(() => keysAt[0] ?? "", { trusting: true });
    await using seller = await plainParticipant(() => keysAt[1] ?? "", { trusting: true });
    await using market = await openMarket(buyer, seller);
    const { bap, bpp, buyerKeys, sellerKeys } = market;
    keysAt = [buyerKeys, sellerKeys];
    const revision = "2.0" as const;
    const catalog = (offers: readonly object[]) => ({
      catalogs: [
        {
          id: "roof",
          descriptor: { name: "Roof" },
          provider: { id: bpp.id },
          resources: [{ id: "sun" }],
          offers,
        },
      ],
    });
    const publish = async (message: object) => {
      const action = "catalog/publish";
      const body = bodyOf({ revision, action, bap: bpp, bpp, transactionId: randomUUID(), message });
      const { status, text } = await seller.say(sellerKeys, "/bpp/caller/catalog/publish", body);
      assert.equal(status, 200, text);
      const told = JSON.parse((await seller.next("catalog/on_publish")).body.toString()) as {
        message: { results: { catalogId: string; status: string }[] };
      };
      return told.message.results.map(({ catalogId, status: said }) => `${catalogId} ${said}`);
    };
    assert.deepEqual(await publish(catalog([{ id: "noon", resourceIds: ["sun"] }])), ["roof ACCEPTED"]);
    const ask = async (action: string, how: { revision?: "2.0" }) => {
      const transactionId = randomUUID();
      const body = bodyOf({ ...how, action, bap, transactionId, message: { intent: {} } });
      const { status, text } = await buyer.say(buyerKeys, `/bap/caller/${action}`, body);
      assert.equal(status, 200, text);
      return JSON.parse((await buyer.next(`on_${action}`)).body.toString()) as {
        message: {
          catalogs?: { offers: { id: string }[] }[];
          catalog?: { providers: { items: { id: string }[] }[] };
        };
      };
    };
    const newer = await ask("discover", { revision });
    assert.equal(newer.message.catalogs?.[0]?.offers[0]?.id, "noon");
    const older = await ask("search", {});
    assert.equal(older.message.catalog?.providers[0]?.items[0]?.id, "noon");
    // The program itself was asked nothing.
    assert.deepEqual(
      seller.taken.map(({ action }) => action),
      ["catalog/on_publish"],
    );
    assert.deepEqual(await publish(catalog([])), ["roof ACCEPTED"]);
    const transactionId = randomUUID();
    const body = bodyOf({ revision, action: "discover", bap, transactionId, message: { intent: {} } });
    assert.equal((await buyer.say(buyerKeys, "/bap/caller/discover", body)).status, 200);
    assert.equal((await seller.next("discover")).body.toString(), body);
    // Nobody publishes in another's name.
    const foreign = bodyOf({
      revision,
      action: "catalog/publish",
      bap,
      bpp,
      transactionId: randomUUID(),
      message: catalog([]),
    });
    const { status } = await buyer.say(buyerKeys, "/bpp/caller/catalog/publish", foreign);
    assert.equal(status, 401);
  });

  test("an answer of a seller outside is taken when it is signed over its request, and over no other", async () => {
    let keysAt = "";
    await using buyer = await plainParticipant(() => keysAt, { trusting: true });
    await using shop = await plainParticipant(() => keysAt);
    using home = temporaryHome();
    const more = `callerAuth = "loopback"\npartners = ["${shop.url}"]`;
    const config = configOf({ agent: "home", url: buyer.url, sells: false, more });
    await using daemon = await startedDaemon(home.home, { config });
    keysAt = daemon.node.becknHttp ?? "";
    const bap = await partyOf(daemon, "home", "bap");
    const signer = signerOf(77);
    const bpp = { id: signer.agentId, uri: shop.url };
    const revision = "2.0" as const;
    const transactionId = randomUUID();
    const messageId = randomUUID();
    const message = contract("DRAFT");
    const asked = bodyOf({ revision, action: "select", bap, bpp, transactionId, messageId, message });
    const { status, text } = await buyer.say(keysAt, "/bap/caller/select", asked);
    assert.equal(status, 200, text);
    const { authorization } = await shop.next("select");

    const told = bodyOf({ revision, action: "on_select", bap, bpp, transactionId, messageId, message });
    const post = async (requestSignature: string | undefined) => {
      const body = new TextEncoder().encode(told);
      const headers = {
        "content-type": "application/json",
        authorization: signBeckn(body, signer, { nowS: Date.now() / 1_000, requestSignature }),
      };
      const response = await fetch(`${bap.uri}/on_select`, { method: "POST", headers, body });
      return `${response.status} ${await response.text()}`;
    };
    assert.match(await post(`${"A".repeat(86)}==`), /^401 .*AUT_SIGNATURE_INVALID/);
    assert.match(await post(parseAuthorization(authorization).signature), /^200 .*"ACK"/);
    assert.equal((await buyer.next("on_select")).body.toString(), told);
  });
});
