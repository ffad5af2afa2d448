/** An owner's mandate is looked at before anything is signed, whoever asks for it. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type BecknMandate, isProtocolError, type MandateTerms, signMandate } from "@gridmesh/protocol";
import { signerOf } from "../../protocol/test/keys.ts";
import { createRig, type RigNode } from "./beckn-rig.ts";

const owner = signerOf(500);
const agent = signerOf(7).agentId;
const NETWORK = "beckn-test";
const all: MandateTerms["allowedActions"] = ["search", "select", "init", "confirm", "status"];

function mandate(terms: Partial<MandateTerms> = {}): BecknMandate {
  const whole: MandateTerms = {
    agent,
    allowedActions: all,
    irreversibleActionPolicy: "allow",
    expiresAtMs: Date.now() + 3_600_000,
    ...terms,
  };
  return signMandate(whole, { network: NETWORK, signer: owner });
}

async function market(given: BecknMandate) {
  const rig = createRig();
  const buyer = await rig.node(1, { mandate: given });
  const seller = await rig.node(2);
  await seller.sell(8, 0.1);
  return { rig, buyer, seller };
}

async function reasonOf(buyer: RigNode, kWh = 2): Promise<string> {
  try {
    const { steps } = await buyer.buy({ kWh });
    return steps.map(({ outcome, reason = "" }) => `${outcome} ${reason}`.trim()).join(", ");
  } catch (error) {
    assert.ok(isProtocolError(error), String(error));
    return `not asked ${error.code}`;
  }
}

describe("an owner's mandate", { concurrency: 4 }, () => {
  const rows: readonly [what: string, BecknMandate, expected: string][] = [
    ["that allows it all lets an order be made", mandate(), "confirmed"],
    [
      "of no actions lets its agent search and no more",
      mandate({ allowedActions: undefined }),
      "failed SPEND_LIMIT",
    ],
    [
      "that denies what binds lets nothing be confirmed",
      mandate({ irreversibleActionPolicy: "deny" }),
      "failed SPEND_LIMIT",
    ],
    [
      "for other networks is none for this one",
      mandate({ allowedNetworks: ["gridmesh/other"] }),
      "not asked SPEND_LIMIT",
    ],
    [
      "for this network lets an order be made",
      mandate({ allowedNetworks: [`gridmesh/${NETWORK}`] }),
      "confirmed",
    ],
    ["that is over lets nothing be said", mandate({ expiresAtMs: Date.now() - 1 }), "not asked SPEND_LIMIT"],
    ["bounds one order", mandate({ maxTransactionValueMicro: 199_999 }), "failed SPEND_LIMIT"],
    ["of somebody else's agent is none", mandate({ agent: signerOf(8).agentId }), "not asked SPEND_LIMIT"],
    [
      "that was changed since it was signed is none",
      { ...mandate(), expiresAtMs: Date.now() + 9e6 },
      "not asked SPEND_LIMIT",
    ],
  ];
  for (const [what, given, expected] of rows) {
    test(what, async () => {
      const { rig, buyer, seller } = await market(given);
      await using _rig = rig;
      assert.equal(await reasonOf(buyer), expected);
      const made = expected === "confirmed" ? 1 : 0;
      assert.deepEqual([buyer.desk.orders().length, seller.desk.orders().length], [made, made]);
    });
  }

  test("bounds all orders together, and a crash forgets none of them", async () => {
    const given = mandate({ maxCumulativeValueMicro: 450_000 });
    const { rig, buyer, seller } = await market(given);
    await using _rig = rig;
    assert.equal(await reasonOf(buyer), "confirmed");
    assert.equal(await reasonOf(buyer), "confirmed");
    assert.equal(await reasonOf(buyer, 1), "failed SPEND_LIMIT");
    const disk = buyer.disk.afterKill();
    await buyer[Symbol.asyncDispose]();
    const back = await rig.node(1, { disk, mandate: given });
    assert.equal(await reasonOf(back, 1), "failed SPEND_LIMIT");
    assert.equal(seller.desk.orders().length, 2);
  });

  test("may have what binds wait for its owner's yes or no", async () => {
    const { rig, buyer, seller } = await market(mandate({ irreversibleActionPolicy: "escalate" }));
    await using _rig = rig;
    assert.equal(await reasonOf(buyer), "failed SPEND_LIMIT");
    assert.equal(await reasonOf(buyer, 1), "failed SPEND_LIMIT");
    assert.equal(buyer.desk.orders().length, 0);
    const [first, second] = buyer.beckn.waiting();
    assert.ok(first && second);
    assert.deepEqual([first.agent, first.seller, first.amountMicro], [buyer.name, seller.agentId, 200_000]);
    assert.ok(buyer.lines.some(({ event }) => event === "trade.waiting"));
    assert.equal(buyer.beckn.refuse(second.id), true);
    assert.equal(buyer.beckn.refuse(second.id), false);
    assert.equal((await buyer.beckn.approve(first.id)).outcome, "confirmed");
    assert.deepEqual(buyer.beckn.waiting(), []);
    await assert.rejects(buyer.beckn.approve(first.id), { code: "ORDER_NOT_FOUND" });
    assert.equal(seller.desk.orders().length, 1);
  });
});
