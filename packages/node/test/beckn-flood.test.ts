/** A thousand messages at once: each has its answer, none an effect, and nothing forged goes on. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BecknContext,
  type BecknProfile,
  becknWire,
  decodeRequestHeader,
  canonicalBytes,
  encodeBecknFrame,
  formatBecknUri,
  signBeckn,
  type Signer,
  uuidV7,
} from "@gridmesh/protocol";
import { signerOf } from "../../protocol/test/keys.ts";
import { systemRandom } from "../src/clock.ts";
import { createRig, intentOf, type RigNode, sendRaw, slot, untilMs } from "./beckn-rig.ts";

const FLOOD = 1_000;
const AT_ONCE = 12;
const newId = () => uuidV7(Date.now(), systemRandom());
const profiles: readonly BecknProfile[] = ["beckn/1", "beckn/2"];

function framesOf(profile: BecknProfile, about: { buyer: RigNode; seller: RigNode; offerId: string }) {
  const { buyer, seller, offerId } = about;
  const wire = becknWire(profile);
  assert.ok(wire);
  const uri = (node: RigNode, side: "bap" | "bpp") =>
    formatBecknUri({ peerId: node.peerId, agent: node.name, side });
  return (
    action: "select" | "confirm" | "on_select" | "search",
    { signer = buyer.signer, forged = false }: { signer?: Signer; forged?: boolean } = {},
  ) => {
    const isSearch = action === "search";
    const context: BecknContext = {
      domain: "energy",
      networkId: "gridmesh/beckn-test",
      action,
      version: "",
      bapId: buyer.agentId,
      bapUri: uri(buyer, "bap"),
      ...(isSearch ? {} : { bppId: seller.agentId, bppUri: uri(seller, "bpp") }),
      transactionId: newId(),
      messageId: newId(),
      timestampMs: Date.now(),
      ttlMs: 10_000,
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
    const { empty: _empty, ...intent } = intentOf(1, 0.3);
    const content = isSearch ? ({ kind: "intent", intent } as const) : ({ kind: "order", order } as const);
    const body = wire.encode({ context, content });
    const authorization = signBeckn(body, signer, { nowS: Date.now() / 1_000 });
    if (forged) body[body.length - 3] = (body[body.length - 3] ?? 0) ^ 1;
    const headers = { authorization, "content-type": "application/json" };
    const header = canonicalBytes({ v: 1, profile, path: wire.actions.pathOf(action), headers });
    return { header, body };
  };
}

for (const profile of profiles) {
  test(`a thousand streams of ${profile} at once are answered, cost their sender its rate and nobody anything else`, async () => {
    await using rig = createRig();
    const stranger = await rig.node(9);
    const seller = await rig.node(2);
    const { offerId } = await seller.sell(5, 0.1);
    const frame = framesOf(profile, { buyer: stranger, seller, offerId });
    const kinds = [
      () => frame("select", { forged: true }),
      () => frame("select", { signer: signerOf(123) }),
      () => frame("on_select", { signer: seller.signer }),
      () => frame("confirm", { forged: true }),
    ];
    const counts = new Map<string, number>();
    let sent = 0;
    const worker = async () => {
      while (sent < FLOOD) {
        const kind = kinds[sent % kinds.length];
        sent += 1;
        const { code } = await sendRaw(stranger, seller.peerId, kind?.() ?? assert.fail());
        counts.set(code, (counts.get(code) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const known = new Set([
      "AUT_RATE_LIMITED",
      "AUT_SIGNATURE_INVALID",
      "AUT_UNAUTHORIZED_ACTION",
      "AUT_SUBSCRIBER_NOT_FOUND",
    ]);
    assert.deepEqual(
      [...counts.keys()].filter((code) => !known.has(code)),
      [],
    );
    assert.equal(
      [...counts.values()].reduce((sum, count) => sum + count, 0),
      FLOOD,
    );
    assert.ok((counts.get("AUT_RATE_LIMITED") ?? 0) > 0, JSON.stringify([...counts]));
    assert.equal(seller.desk.orders().length, 0);
    assert.equal(seller.desk.openOffers()[0]?.leftMilliWh, 5_000_000);
    // Whoever keeps to the rate is served meanwhile as ever.
    const buyer = await rig.node(1);
    assert.equal((await buyer.buy({ kWh: 1 })).steps[0]?.outcome, "confirmed");
  });

  test(`of a thousand searches of ${profile} at once none that is forged goes on, and of one signer's own few do`, async () => {
    await using rig = createRig();
    const stranger = await rig.node(9);
    const seller = await rig.node(2);
    const { offerId } = await seller.sell(5, 0.1);
    const frame = framesOf(profile, { buyer: stranger, seller, offerId });
    const data = ({ header, body }: { header: Uint8Array; body: Uint8Array }) =>
      encodeBecknFrame(decodeRequestHeader(header), body);
    const forged = [
      () => frame("search", { forged: true }),
      () => frame("search", { signer: signerOf(123) }),
      () => frame("select"),
    ];
    const verdicts = new Map<string, number>();
    for (let index = 0; index < FLOOD; index += 1) {
      const verdict = await seller.validate(data(forged[index % forged.length]?.() ?? assert.fail()));
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    }
    assert.equal(verdicts.get("accept"), undefined);
    assert.ok((verdicts.get("reject") ?? 0) > 0);
    const began = Date.now();
    let accepted = 0;
    const honest = await rig.node(1);
    const own = framesOf(profile, { buyer: honest, seller, offerId });
    for (let index = 0; index < 200; index += 1) {
      if ((await seller.validate(data(own("search")))) === "accept") accepted += 1;
    }
    // Five a second, and as many at once.
    const most = 5 + Math.ceil(((Date.now() - began) / 1_000) * 5);
    assert.ok(accepted > 0 && accepted <= most, `${accepted} of at most ${most}`);
  });
}
