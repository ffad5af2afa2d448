/** What a buyer in doubt is owed: the journaled answer, and no release by what decides nothing. */

import assert from "node:assert/strict";
import test from "node:test";
import { canonicalBytes, signBeckn, type Signer } from "@gridmesh/protocol";
import type { SignedBytes } from "../../src/trade/types.ts";
import { createRig, type RigNode, sendRaw, v1First } from "../beckn-rig.ts";

function framed(path: string, body: string, signer: Signer) {
  const bytes = new TextEncoder().encode(body);
  const authorization = signBeckn(bytes, signer, { nowS: Date.now() / 1000 });
  const headers = { authorization, "content-type": "application/json" };
  return { header: canonicalBytes({ v: 1, profile: "beckn/1", path, headers }), body: bytes };
}

/** A purchase whose order and answer were seen. */
async function purchase(buyer: RigNode, answers: SignedBytes[]) {
  const outcome = await buyer.buy({ kWh: 2 });
  const orderId = outcome.steps[0]?.orderId ?? "";
  const order = buyer.desk.signedOrder(buyer.agentId, { buyer: buyer.agentId, orderId });
  const [answer] = answers;
  assert.ok(order && answer);
  return { orderId, order, answer };
}

/** The select of a confirm's terms, in the same transaction. */
function select(confirm: string): string {
  const json = JSON.parse(confirm) as {
    context: Record<string, unknown>;
    message: { order: { payments?: unknown; billing?: unknown } };
  };
  Object.assign(json.context, {
    action: "select",
    message_id: "01890a5d-ac96-774b-bcce-b302099a8057",
    timestamp: new Date().toISOString(),
    ttl: "PT10S",
  });
  delete json.message.order.payments;
  delete json.message.order.billing;
  return JSON.stringify(json);
}

test("a refused order is answered again, whatever its buyer asked in that transaction since", async () => {
  await using rig = createRig(1, v1First);
  const buyer = await rig.node(1);
  const answers: SignedBytes[] = [];
  const seller = await rig.node(2, {
    view: (desk) => ({
      ...desk,
      async decide(terms, order, answer) {
        if (answers.length === 0) await desk.withdraw(terms.offerId);
        const bytes = await desk.decide(terms, order, answer);
        answers.push(bytes);
        return bytes;
      },
    }),
  });
  const first = await seller.sell(5, 0.1);
  const outcome = await buyer.buy({ kWh: 2 });
  assert.ok(outcome.steps.some((step) => step.outcome === "refused"));
  const [order] = seller.desk.orders();
  assert.equal(order?.state, "REJECTED");
  const key = { buyer: buyer.agentId, orderId: order?.orderId ?? "" };
  const signed = seller.desk.signedOrder(seller.agentId, key);
  assert.ok(signed);
  const second = await seller.sell(5, 0.1);
  const asked = select(signed.body.replaceAll(first.offerId, second.offerId));
  const selected = await sendRaw(buyer, seller.peerId, framed("/select", asked, buyer.signer));
  assert.equal(selected.code, "ACK");
  const before = answers.length;
  const again = await sendRaw(buyer, seller.peerId, framed("/confirm", signed.body, buyer.signer));
  assert.equal(again.code, "ACK");
  assert.equal(answers.length, before + 1);
  assert.equal(answers.at(-1)?.body, answers[0]?.body);
});

test("an on_confirm that says neither yes nor no leaves the hold", async () => {
  await using rig = createRig(1, v1First);
  const answers: SignedBytes[] = [];
  const buyer = await rig.node(1, {
    // Every answer is lost but what the test sends.
    view: (desk) => ({ ...desk, conclude: () => Promise.resolve() }),
  });
  const seller = await rig.node(2, {
    view: (desk) => ({
      ...desk,
      async decide(terms, order, answer) {
        const bytes = await desk.decide(terms, order, answer);
        answers.push(bytes);
        return bytes;
      },
    }),
  });
  await seller.sell(5, 0.1);
  const { answer, orderId } = await purchase(buyer, answers);
  assert.equal(buyer.desk.orders()[0]?.state, "HELD");
  // The same buyer with its ears open again.
  const disk = buyer.disk.afterKill();
  await buyer[Symbol.asyncDispose]();
  const released: string[] = [];
  const back = await rig.node(1, {
    disk,
    view: (desk) => ({
      ...desk,
      conclude(...[who, id, decision, bytes]) {
        released.push(decision.accepted ? "accepted" : "refused");
        return desk.conclude(who, id, decision, bytes);
      },
    }),
  });
  const vague = JSON.parse(answer.body) as { message: { order: { status?: string } } };
  delete vague.message.order.status;
  const reply = await sendRaw(
    seller,
    back.peerId,
    framed("/on_confirm", JSON.stringify(vague), seller.signer),
  );
  assert.notEqual(reply.code, "ACK");
  assert.deepEqual(
    released.filter((what) => what === "refused"),
    [],
  );
  const key = { buyer: back.agentId, orderId };
  assert.notEqual(back.desk.order(back.agentId, key)?.state, "RELEASED");
});
