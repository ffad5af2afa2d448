/** One reply without a proof, or one long message of a stranger, made the file of a whole trade worthless. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  becknV1,
  encodeBecknHeader,
  parseBecknBody,
  signBeckn,
  type TradeBundle,
  verifyBundle,
} from "@gridmesh/protocol";
import { signerOf } from "../../../protocol/test/keys.ts";
import { bundleOf } from "../../src/beckn/bundle.ts";
import { nodeEngine } from "../../src/gate/engine.ts";
import type { StoredFrame } from "../../src/store/types.ts";
import { outsideMessage } from "../outside-messages.ts";

const buyer = signerOf(81);
const seller = signerOf(82);
const engine = nodeEngine();

test("what others answered or added cannot spoil the evidence of a transaction", () => {
  const { body, authorization } = outsideMessage({
    signer: buyer,
    action: "select",
    bapUri: "libp2p://12D3KooWHome/home/bap",
    bpp: { id: seller.agentId, uri: "libp2p://12D3KooWShop/shop/bpp" },
    message: { order: {}, more: "x".repeat(20_000) },
  });
  const { context } = parseBecknBody(body) as { readonly context: { readonly transaction_id: string } };
  const content = { "content-type": "application/json" } as const;
  const header = encodeBecknHeader({
    v: 1,
    profile: "beckn/1",
    path: "/select",
    headers: { ...content, authorization },
  });
  const ack = becknV1.encodeAck();
  const nowS = Date.now() / 1_000;
  const requestSignature = /signature="([^"]+)"$/.exec(authorization)?.[1] ?? "";
  const replied = (signature: string): StoredFrame["reply"] => ({
    header: encodeBecknHeader({ v: 1, status: 200, headers: { ...content, signature } }),
    body: ack,
  });
  const replies = [
    replied(signBeckn(ack, seller, { nowS, requestSignature })),
    replied("none"),
    // A reply to something else, one by somebody else, and what is no reply at all.
    replied(signBeckn(ack, seller, { nowS, requestSignature: requestSignature.replace(/^./, "A") })),
    replied(signBeckn(ack, buyer, { nowS, requestSignature })),
    { header: new TextEncoder().encode("{}"), body: ack },
  ];
  const frames = replies.map((reply): StoredFrame => ({
    transactionId: context.transaction_id,
    atMs: Date.now(),
    direction: "out",
    carrier: "stream",
    peerId: "12D3KooWShop",
    header,
    body,
    reply,
  }));
  const file = bundleOf(
    {
      network: "test",
      transactionId: context.transaction_id,
      frames,
      orders: [],
      signer: buyer,
      engine,
      nowMs: Date.now(),
    },
    { redact: false },
  );
  const report = verifyBundle(file, engine);
  assert.equal(report.frames, 5);
  assert.equal(report.signatures, 1 + 5 + 1, "the exporter's, five requests' and the one reply's that holds");
  const told = JSON.parse(new TextDecoder().decode(file)) as TradeBundle;
  assert.equal(told.frames.filter(({ reply }) => reply !== undefined).length, 1);
});
