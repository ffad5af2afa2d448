/** Two revisions, one trade: each node says which ones it takes, and an answer is in the revision of its question. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type BecknProfile,
  becknV2,
  decodeRequestHeader,
  formatBecknUri,
  parseAuthorization,
  parseBecknBody,
  signBeckn,
  uuidV7,
} from "@gridmesh/protocol";
import { systemRandom } from "../src/clock.ts";
import { createRig, type Rig, type RigNode, sendRaw, slot, untilMs } from "./beckn-rig.ts";

const text = new TextDecoder();
const utf8 = new TextEncoder();
const newId = () => uuidV7(Date.now(), systemRandom());

/** What a buyer's confirm and its seller's answer were written in. */
function revisionsOf(buyer: RigNode): readonly string[] {
  return buyer.desk.evidence(buyer.desk.orders()[0]?.transactionId ?? "").flatMap(({ order, answer }) =>
    [order, answer].map((bytes) => {
      const { profile } = decodeRequestHeader(utf8.encode(bytes?.header));
      const { context } = JSON.parse(bytes?.body ?? "") as { context: { version: string } };
      return `${profile} ${context.version}`;
    }),
  );
}

async function meeting(
  rig: Rig,
  profiles: { readonly buyer: readonly BecknProfile[]; readonly seller: readonly BecknProfile[] },
) {
  const buyer = await rig.node(1, { settings: { profiles: profiles.buyer } });
  const seller = await rig.node(2, { settings: { profiles: profiles.seller } });
  await seller.sell(5, 0.1);
  return { buyer, seller, outcome: await buyer.buy({ kWh: 2 }) };
}

describe("a trade is made", { concurrency: 4 }, () => {
  const rows: readonly [BecknProfile[], BecknProfile[], string][] = [
    [["beckn/2", "beckn/1"], ["beckn/2", "beckn/1"], "beckn/2 2.0.0"],
    [["beckn/1", "beckn/2"], ["beckn/2", "beckn/1"], "beckn/1 1.1.0"],
    [["beckn/2", "beckn/1"], ["beckn/1"], "beckn/1 1.1.0"],
    [["beckn/1", "beckn/2"], ["beckn/2"], "beckn/2 2.0.0"],
    [["beckn/2"], ["beckn/1", "beckn/2"], "beckn/2 2.0.0"],
  ];
  for (const [buying, selling, spoken] of rows) {
    test(`in ${spoken} where the buyer takes ${buying.join(", ")} and the seller ${selling.join(", ")}`, async () => {
      await using rig = createRig();
      const { buyer, seller, outcome } = await meeting(rig, { buyer: buying, seller: selling });
      assert.deepEqual(
        outcome.steps.map((step) => [step.outcome, step.reason]),
        [["confirmed", undefined]],
      );
      assert.deepEqual(revisionsOf(buyer), [spoken, spoken]);
      assert.equal(seller.desk.orders()[0]?.state, "ACCEPTED");
    });
  }

  test("nowhere between nodes without a common revision, and the buyer is told so", async () => {
    await using rig = createRig();
    const { buyer, outcome } = await meeting(rig, { buyer: ["beckn/2"], seller: ["beckn/1"] });
    assert.deepEqual(outcome.steps, []);
    assert.match(
      buyer.beckn.causeOf(outcome.transactionId) ?? "",
      /sellers do not take beckn\/2: both sides must allow one revision/,
    );
  });

  test("from sellers of either revision alike, for a buyer of both: the need is met", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const newer = await rig.node(2, { settings: { profiles: ["beckn/2"] } });
    const older = await rig.node(3, { settings: { profiles: ["beckn/1"] } });
    await older.sell(5, 0.1);
    const first = await buyer.buy({ kWh: 1 });
    await newer.sell(5, 0.1);
    const second = await buyer.buy({ kWh: 1 });
    assert.deepEqual(
      [...first.steps, ...second.steps].map((step) => [step.sellerName, step.outcome]),
      [
        ["household-agent-03", "confirmed"],
        ["household-agent-02", "confirmed"],
      ],
    );
  });
});

/** A select of revision 2 by hand. */
function selectOf(
  about: { readonly buyer: RigNode; readonly seller: RigNode; readonly offerId: string },
  change: {
    readonly preview?: boolean;
    readonly action?: "select" | "init";
    readonly transactionId?: string;
  } = {},
) {
  const { buyer, seller, offerId } = about;
  const { action = "select", transactionId = newId(), preview } = change;
  const uri = (node: RigNode, side: "bap" | "bpp") =>
    formatBecknUri({ peerId: node.peerId, agent: node.name, side });
  const context = {
    domain: "energy",
    networkId: "gridmesh/beckn-test",
    action,
    version: "",
    bapId: buyer.agentId,
    bapUri: uri(buyer, "bap"),
    bppId: seller.agentId,
    bppUri: uri(seller, "bpp"),
    transactionId,
    messageId: newId(),
    timestampMs: Date.now(),
    ttlMs: 10_000,
    preview,
  };
  const order = {
    seller: seller.agentId,
    offerId,
    offerEpoch: seller.desk.epoch,
    slot,
    quantityMilliWh: 1_000_000,
    priceMicroPerKWh: 100_000,
    currency: "USD",
    delivery: "slot",
    untilMs,
  } as const;
  const body = becknV2.encode({ context, content: { kind: "order", order } });
  const authorization = signBeckn(body, buyer.signer, { nowS: Date.now() / 1000 });
  return { context, authorization, body };
}

describe("in revision 2", () => {
  test("every answer names its request and is signed over it, but for the decision, which names it alone", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    await seller.sell(5, 0.1);
    const { transactionId } = await buyer.buy({ kWh: 2, delivery: "instant" });
    const asked = () =>
      buyer.beckn.trace(transactionId).some(({ action, verdict }) => `${action} ${verdict}` === "status ACK");
    while (buyer.desk.orders({ open: true }).length > 0 || !asked())
      await new Promise((go) => setImmediate(go));
    const file = JSON.parse(text.decode(buyer.beckn.bundle(transactionId, { redact: false }))) as {
      readonly frames: readonly {
        readonly request: { readonly header: string; readonly body: string; readonly digest: string };
        readonly reply?: { readonly header: string; readonly body: string };
      }[];
    };
    const seen = new Map<string, string>();
    const digests = new Map<string, string>();
    for (const { request, reply } of file.frames) {
      const { path, headers } = decodeRequestHeader(utf8.encode(request.header));
      const { lines } = parseAuthorization(headers.authorization);
      const { context } = parseBecknBody(Buffer.from(request.body, "base64")) as {
        context: { messageId: string; networkId: string; requestDigest?: { digest: string } };
      };
      assert.equal(context.networkId, "gridmesh/beckn-test");
      const known = digests.get(context.messageId);
      if (path.startsWith("/on_") && known !== undefined)
        assert.equal(context.requestDigest?.digest, `BLAKE-512=${known}`, path);
      else digests.set(context.messageId, request.digest);
      const asked = context.requestDigest === undefined ? "" : ", names its request";
      seen.set(path, `${lines} lines${asked}`);
      if (reply) {
        const ack = parseBecknBody(Buffer.from(reply.body, "base64")) as {
          status: string;
          signature?: string;
        };
        assert.equal(ack.status, "ACK");
        if (path !== "/discover") assert.match(ack.signature ?? "", /request-digest/);
      }
    }
    for (const asked of ["/discover", "/select", "/init", "/confirm", "/status"])
      assert.equal(seen.get(asked), "three lines", asked);
    for (const answer of ["/on_discover", "/on_select", "/on_init"])
      assert.equal(seen.get(answer), "four lines, names its request", answer);
    assert.equal(seen.get("/on_confirm"), "three lines, names its request");
  });

  test("a preview is answered as the real thing, and changes nothing", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    const { offerId } = await seller.sell(1, 0.1);
    const transactionId = newId();
    const send = async (change: Parameters<typeof selectOf>[1]) => {
      const { authorization, body, context } = selectOf(
        { buyer, seller, offerId },
        { transactionId, ...change },
      );
      const headers = { authorization, "content-type": "application/json" };
      const header = utf8.encode(
        JSON.stringify({ headers, path: `/${context.action}`, profile: "beckn/2", v: 1 }),
      );
      return (await sendRaw(buyer, seller.peerId, { header, body })).code;
    };
    assert.equal(await send({ preview: true }), "ACK");
    // Nothing was selected, so nothing can be initialised.
    assert.equal(await send({ action: "init" }), "BIZ_INVALID_STATE_TRANSITION");
    assert.equal(await send({}), "ACK");
    assert.equal(await send({ action: "init", preview: true }), "ACK");
    assert.equal(seller.desk.openOffers()[0]?.leftMilliWh, 1_000_000);
    const other = await rig.node(3);
    const outcome = await other.buy({ kWh: 1 });
    assert.equal(outcome.steps[0]?.outcome, "confirmed");
  });

  test("an answer to a request that was never made is not believed, whoever signed it", async () => {
    await using rig = createRig();
    const buyer = await rig.node(1);
    const seller = await rig.node(2);
    const { offerId } = await seller.sell(1, 0.1);
    const asked = selectOf({ buyer, seller, offerId });
    const context = { ...asked.context, action: "on_select", requestDigest: "A".repeat(86) + "==" } as const;
    const { content } = {
      content: becknV2.decodeContent(parseBecknBody(asked.body), asked.context),
    };
    const body = becknV2.encode({ context, content });
    const frame = (requestSignature?: string) => {
      const authorization = signBeckn(body, seller.signer, { nowS: Date.now() / 1000, requestSignature });
      const headers = { authorization, "content-type": "application/json" };
      const header = JSON.stringify({ headers, path: "/on_select", profile: "beckn/2", v: 1 });
      return { header: utf8.encode(header), body };
    };
    const bound = frame(parseAuthorization(asked.authorization).signature);
    assert.equal((await sendRaw(seller, buyer.peerId, bound)).code, "AUT_SIGNATURE_INVALID");
    assert.equal((await sendRaw(seller, buyer.peerId, frame())).code, "CTX_TRANSACTION_ID_UNKNOWN");
  });
});

test("where its owner wants no repeats, a message that comes twice is refused as a replay", async () => {
  await using rig = createRig();
  const buyer = await rig.node(1);
  const seller = await rig.node(2, { settings: { duplicates: "reject" } });
  const { offerId } = await seller.sell(1, 0.1);
  const { authorization, body } = selectOf({ buyer, seller, offerId });
  const headers = { authorization, "content-type": "application/json" };
  const header = utf8.encode(JSON.stringify({ headers, path: "/select", profile: "beckn/2", v: 1 }));
  assert.equal((await sendRaw(buyer, seller.peerId, { header, body })).code, "ACK");
  assert.equal((await sendRaw(buyer, seller.peerId, { header, body })).code, "AUT_REPLAY_DETECTED");
  assert.equal((await buyer.buy({ kWh: 1 })).steps[0]?.outcome, "confirmed");
});
