import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  type BecknProfile,
  isProtocolError,
  sealBundle,
  type TradeBundle,
  verifyBundle,
} from "@gridmesh/protocol";
import { signerOf } from "../../protocol/test/keys.ts";
import { nodeEngine } from "../src/gate/engine.ts";
import { buyOptions, createRig, type RigNode } from "./beckn-rig.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] extends object ? Writable<T[K]> : T[K] };
type Changed = Writable<TradeBundle>;

const text = new TextDecoder();
const engine = nodeEngine();

function verdict(bytes: Uint8Array): string {
  try {
    verifyBundle(bytes, engine);
    return "holds";
  } catch (error) {
    assert.ok(isProtocolError(error), String(error));
    assert.equal(error.code, "BUNDLE_INVALID");
    const item = error.data?.["item"];
    return typeof item === "string" ? item : "no item";
  }
}

async function settled(node: RigNode): Promise<void> {
  while (node.desk.orders({ open: true }).length > 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function traded(profile: BecknProfile): Promise<{
  readonly buyer: Uint8Array;
  readonly seller: Uint8Array;
  readonly redacted: Uint8Array;
  readonly transactionId: string;
}> {
  await using rig = createRig(1, { profiles: [profile] });
  const home = await rig.node(1);
  const shop = await rig.node(2);
  await shop.sell(10, 0.15);
  const dear = await rig.node(3);
  await dear.sell(10, 0.2);
  const { transactionId, steps } = await home.beckn.buy(home.name, buyOptions({ delivery: "instant" }));
  assert.deepEqual(
    steps.map(({ outcome }) => outcome),
    ["confirmed"],
  );
  await Promise.all([settled(home), settled(shop)]);
  // The status that follows a confirm is nobody's to wait for, but it belongs in the file.
  const isAsked = (node: RigNode) =>
    node.beckn.trace(transactionId).some(({ action, verdict }) => `${action} ${verdict}` === "status ACK");
  while (!isAsked(home) || !isAsked(shop)) await new Promise((resolve) => setImmediate(resolve));
  return {
    buyer: home.beckn.bundle(transactionId, { redact: false }),
    seller: shop.beckn.bundle(transactionId, { redact: false }),
    redacted: home.beckn.bundle(transactionId, { redact: true }),
    transactionId,
  };
}

const profiles: readonly BecknProfile[] = ["beckn/1", "beckn/2"];

for (const profile of profiles) {
  suite(`the evidence of a trade in one file, ${profile}`, { timeout: 120_000 }, () => evidence(profile));
}

function evidence(profile: BecknProfile): void {
  test("both sides' files hold by themselves, from the search to the receipt", async () => {
    const { buyer, seller, redacted, transactionId } = await traded(profile);
    const bought = verifyBundle(buyer, engine);
    const sold = verifyBundle(seller, engine);
    assert.equal(bought.transactionId, transactionId);
    assert.deepEqual(
      [...bought.orders, ...sold.orders].map(({ role, state }) => [role, state]),
      [
        ["buyer", "CLOSED"],
        ["seller", "SETTLED"],
      ],
    );
    // search, on_search, select, on_select, init, on_init, confirm, on_confirm, status, on_status.
    assert.ok(bought.frames >= 10, `${bought.frames} messages`);
    assert.ok(bought.signatures >= 2 * bought.frames, "requests and their replies");
    // Why this seller: two offered, both messages are in the file, and the cheaper one comes first.
    const { offers, refused, proven, ranked } = bought.selection ?? assert.fail("no choice in the file");
    assert.deepEqual([offers, refused, proven, ranked.length], [2, 0, 2, 2]);
    assert.equal(ranked[0], JSON.parse(text.decode(buyer)).orders[0].seller);
    assert.equal(sold.selection, undefined);
    assert.ok(sold.frames >= 10, `${sold.frames} messages`);
    assert.deepEqual([...bought.equivocations, ...sold.equivocations], []);

    const hidden = verifyBundle(redacted, engine);
    assert.equal(hidden.redacted, true);
    assert.equal(hidden.signatures, bought.signatures);
    assert.ok(!text.decode(redacted).includes('"body":"'), "no body is in it");
  });

  test("each of a thousand changed bytes is found", async () => {
    const { buyer } = await traded(profile);
    const places = new Set<string>();
    let seed = 7;
    for (let change = 0; change < 1_000; change += 1) {
      seed = (seed * 48_271) % 2_147_483_647;
      const at = seed % buyer.length;
      const changed = Uint8Array.from(buyer);
      changed[at] = (changed[at] ?? 0) ^ (1 << (change % 7));
      const found = verdict(changed);
      assert.notEqual(found, "holds", `byte ${at}`);
      places.add(found);
    }
    assert.ok(places.has("signature"), [...places].join(" "));
  });

  test("a file whose own maker changed it is found out by what others signed", async () => {
    const { buyer } = await traded(profile);
    const liar = signerOf(99);
    const whole = JSON.parse(text.decode(buyer)) as TradeBundle;
    const sealed = (change: (draft: Changed) => void): string => {
      const {
        type: _type,
        version: _version,
        exporter: _exporter,
        signature: _signature,
        ...draft
      } = structuredClone(whole) as Changed;
      change(draft as Changed);
      return verdict(sealBundle(draft, liar));
    };
    assert.equal(
      sealed(() => undefined),
      "holds",
    );
    const [order] = whole.orders;
    assert.ok(order);
    const placeOf = (path: string) =>
      whole.frames.findIndex(({ request }) => request.header.includes(`"${path}"`));
    const [selectAt, initAt] = [placeOf("/select"), placeOf("/init")];
    const rows: [item: string, change: (draft: Changed) => void][] = [
      ["orders[0].amountMicro", ({ orders: [one] }) => void (one && (one.amountMicro += 1))],
      ["orders[0].quantityMilliWh", ({ orders: [one] }) => void (one && (one.quantityMilliWh -= 1))],
      ["orders[0].slotId", ({ orders: [one] }) => void (one && (one.slotId = "net/0/3600"))],
      ["orders[0].order.body", ({ orders: [one] }) => void (one && (one.seller = liar.agentId))],
      [
        "orders[0].state",
        ({ orders: [one] }) => void (one && (one.state = "SETTLED"), one && (one.answer = null)),
      ],
      [
        "orders[0].state",
        ({ orders: [one] }) =>
          void (one && (one.documents = one.documents.filter(({ type }) => type !== "trade_receipt"))),
      ],
      [
        "orders[0].documents[0]",
        ({ orders: [one] }) => {
          const [document] = one?.documents ?? [];
          if (document) document.signedAtMs += 1;
        },
      ],
      ["orders[0].answer", ({ orders: [one] }) => void (one && (one.answer = one.order))],
      [
        "orders[0].order.body",
        ({ orders: [one] }) => void (one && (one.order.digest = whole.frames[0]?.request.digest ?? "")),
      ],
      [
        "frames[0].request.header",
        ({ frames: [one] }) =>
          void (one && (one.request.body = null), one && (one.request.digest = order.order.digest)),
      ],
      ["frames[0].atMs", ({ frames: [one] }) => void (one && (one.atMs -= 3_600_000))],
      // The choice is made again from the offers that came.
      ["selection.offers", ({ selection }) => void selection?.offers.splice(0, 1)],
      [
        "selection.offers",
        ({ selection }) => void selection?.offers.push(selection.offers[0] ?? assert.fail()),
      ],
      [
        "selection.offers",
        ({ selection }) => selection?.offers.forEach((offer) => void (offer.priceMicroPerKWh += 1)),
      ],
      ["orders[0]", ({ selection }) => void (selection && (selection.wish.maxPriceMicroPerKWh = 149_999))],
      [
        `frames[${selectAt}].reply.header`,
        ({ frames }) => void (frames[selectAt] && (frames[selectAt].reply = frames[initAt]?.reply)),
      ],
    ];
    const framed = (path: string) => whole.frames.find(({ request }) => request.header.includes(`"${path}"`));
    const init = framed("/init")?.request;
    const onInit = framed("/on_init")?.request;
    const redactedOne = (draft: Changed) => {
      draft.redacted = true;
      for (const { request, reply } of draft.frames) {
        request.body = null;
        if (reply) reply.body = null;
      }
      for (const { order: confirm, answer } of draft.orders) {
        confirm.body = null;
        if (answer) answer.body = null;
      }
    };
    assert.ok(init && onInit && whole.frames.length > 2);
    rows.push(
      // What the buyer asked on the way binds it to nothing, nor the seller what it said then.
      ["orders[0].order.header", ({ orders: [one] }) => void (one && (one.order = structuredClone(init)))],
      [
        "orders[0].answer.header",
        ({ orders: [one] }) => void (one && (one.answer = structuredClone(onInit))),
      ],
      [
        "orders[0].order.body",
        ({ orders: [one] }) => {
          if (one) one.order = { ...init, header: init.header.replace("/init", "/confirm") };
        },
      ],
      [
        // In revision 2 its signature covers the init it answers, and the file knows no other such confirm.
        profile === "beckn/1" ? "orders[0].answer.body" : "orders[0].answer.header",
        ({ orders: [one] }) => {
          if (one) one.answer = { ...onInit, header: onInit.header.replace("/on_init", "/on_confirm") };
        },
      ],
      ["orders[0]", ({ orders: [one] }) => void (one && (one.order.body = null))],
      ["frames[0]", ({ frames: [one] }) => void (one && (one.request.body = null))],
      ["orders[1].orderId", ({ orders }) => void orders.push(structuredClone(orders[0] ?? assert.fail()))],
      ["orders[0].state", ({ orders: [one] }) => void (one && (one.state = "COMMITTED"))],
      ["orders[0].state", ({ orders: [one] }) => void (one && (one.state = "SETTLED"))],
      [
        "orders[0].state",
        ({ orders: [one] }) => void (one && (one.state = "RELEASED"), one && (one.documents = [])),
      ],
      [
        "orders[0].state",
        ({ orders: [one] }) => void (one && (one.state = "HELD"), one && (one.documents = [])),
      ],
      ["frames[1].atMs", ({ frames: [one, two] }) => void (one && two && (one.atMs = two.atMs + 1))],
      ["frames[0].atMs", (draft) => void (draft.exportedAtMs = (draft.frames[0]?.atMs ?? 0) - 1)],
      // Without bodies: what was signed beside them still tells.
      [
        "orders[0].order.header",
        (draft) => {
          redactedOne(draft);
          const [one] = draft.orders;
          if (one) one.order = { ...init, body: null };
        },
      ],
      [
        "orders[0].documents",
        (draft) => {
          redactedOne(draft);
          const [one] = draft.orders;
          if (one) one.slotId = "net/0/3600";
        },
      ],
      [
        "orders[0].documents",
        (draft) => {
          redactedOne(draft);
          const [one] = draft.orders;
          if (one) [one.priceMicroPerKWh, one.amountMicro] = [2 * one.priceMicroPerKWh, 2 * one.amountMicro];
        },
      ],
    );
    for (const [item, change] of rows) assert.equal(sealed(change), item);
  });

  test("an order that was called off has a file on both sides", async () => {
    await using rig = createRig();
    const home = await rig.node(1);
    const shop = await rig.node(2);
    await shop.sell(10, 0.15);
    const { transactionId } = await home.beckn.buy(home.name, buyOptions());
    const [bought] = home.desk.orders();
    assert.ok(bought);
    await home.desk.cancel(home.agentId, bought.orderId);
    await Promise.all([settled(home), settled(shop)]);
    const [mine, theirs] = [home, shop].map(
      ({ beckn }) => verifyBundle(beckn.bundle(transactionId, { redact: false }), engine).orders[0]?.state,
    );
    assert.deepEqual([mine, theirs], ["RELEASED", "ANNULLED"]);
  });

  test("what nobody here took part in has no file", async () => {
    await using rig = createRig();
    const home = await rig.node(1);
    assert.throws(() => home.beckn.bundle("01980000-0000-7000-8000-000000000000", { redact: false }), {
      code: "ORDER_NOT_FOUND",
    });
  });
}
