import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isProtocolError } from "@gridmesh/protocol";
import { createStateSeal, type StateOwner } from "../src/host/mcp-state.ts";

const KEY = new Uint8Array(32).fill(7);
const owner: StateOwner = {
  agent: "bank",
  caller: { kind: "peer", peerId: "peer-1", user: "ann" },
  method: "tools/call",
  params: { name: "pay", arguments: { amount: 5 } },
};
const refused = (error: unknown) => isProtocolError(error) && error.number === -32_602;

function sealAt(nowMs: number, key = KEY) {
  return createStateSeal({ key: () => key, clock: { nowMs: () => nowMs } });
}

test("a state is opened by the request it was given to, in its next round", () => {
  const state = sealAt(0).seal({ step: 1 }, owner);
  const later = {
    ...(owner.params as object),
    inputResponses: { ok: {} },
    requestState: state,
    _meta: { x: 1 },
  };
  assert.deepEqual(sealAt(600_000).open(state, { ...owner, params: later }), { step: 1 });
});

test("nobody else opens a state: no other agent, caller, user, token, method or arguments, and none too late", () => {
  const state = sealAt(0).seal({ step: 1 }, owner);
  const { caller } = owner;
  const others: readonly StateOwner[] = [
    { ...owner, agent: "shop" },
    { ...owner, caller: { ...caller, peerId: "peer-2" } },
    { ...owner, caller: { ...caller, user: "bob" } },
    { ...owner, caller: { kind: "peer", peerId: "peer-1" } },
    { ...owner, caller: { ...caller, agentId: "a" } },
    { ...owner, caller: { ...caller, token: "t" } },
    { ...owner, caller: { ...caller, anonymous: true } },
    { ...owner, method: "prompts/get" },
    { ...owner, params: { name: "pay", arguments: { amount: 6 } } },
    { ...owner, params: { name: "pay" } },
  ];
  for (const other of others) assert.throws(() => sealAt(0).open(state, other), refused);
  assert.throws(() => sealAt(600_001).open(state, owner), refused);
  assert.throws(() => sealAt(0, new Uint8Array(32)).open(state, owner), refused);
});

test("a state with one character changed, and any other text, is refused", () => {
  const state = sealAt(0).seal({ step: 1 }, owner);
  for (let i = 0; i < state.length; i += 1) {
    const changed = `${state.slice(0, i)}${state[i] === "A" ? "B" : "A"}${state.slice(i + 1)}`;
    assert.throws(() => sealAt(0).open(changed, owner), refused);
  }
  for (const more of [`${state}-TAMPERED`, `${state}.x`, `${state}=`, ` ${state}`]) {
    assert.throws(() => sealAt(0).open(more, owner), refused);
  }
  fc.assert(fc.property(fc.string(), (text) => assert.throws(() => sealAt(0).open(text, owner), refused)));
});
