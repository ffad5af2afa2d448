import assert from "node:assert/strict";
import { test } from "node:test";
import { Dials, type DialsOptions } from "../../src/network/libp2p/dials.ts";
import { ManualClock } from "../manual-clock.ts";

const PEER = "12D3KooWBuXBpwuXu7gYMpQMh44swWdjYC1vzBENqLSHk88SARg6";
const target = { peerId: PEER, addresses: [`/ip4/192.0.2.7/tcp/4801/p2p/${PEER}`] };

/** A dial that the other side cuts, while a connection of its own may be about to open here. */
function cutDial(atTheDoor: number) {
  const clock = new ManualClock();
  const state = { linked: false, pending: atTheDoor };
  const link = { peerId: PEER };
  const dials = new Dials({
    clock,
    node: { dial: () => Promise.reject(new Error("read ECONNRESET")) },
    gater: {
      allowDials: () => ({ [Symbol.dispose]: () => undefined }),
      get pending() {
        return state.pending;
      },
    },
    links: { has: () => state.linked, link: () => (state.linked ? link : undefined) },
    linkOf: () => link,
  } as unknown as DialsOptions);
  const outcome = dials.dial(target, { timeoutMs: 5_000 });
  outcome.catch(() => undefined);
  return { clock, state, dials, outcome };
}

test("a dial cut because the peer dialled us at the same time is no failed one, however long the peer's link needs", async () => {
  const { clock, state, dials, outcome } = cutDial(1);
  await clock.advance(700);
  state.linked = true;
  await clock.advance(50);
  assert.equal((await outcome).peerId, PEER);
  assert.deepEqual(dials.ended(), { linked: 1 });
});

test("a dial cut while nobody is about to come in has failed at once", async () => {
  const { clock, dials, outcome } = cutDial(0);
  await clock.advance(50);
  await assert.rejects(outcome, { code: "PEER_UNREACHABLE" });
  assert.deepEqual(dials.ended(), { cut: 1 });
});
