/** The two runs over arbitrary messages: short in the tests, long in the campaign. */

import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  type BecknMessage,
  type BecknProfile,
  type BecknReading,
  type BecknWire,
  becknWire,
  parseBecknBody,
} from "@gridmesh/protocol";
import { bodyChecks, packChecks, packFaults } from "./beckn-documents.ts";
import { messagesOf } from "./beckn-messages.ts";

export interface Run {
  readonly numRuns: number;
  readonly seed?: number;
}

function wireOf(profile: BecknProfile): BecknWire {
  const wire = becknWire(profile);
  assert.ok(wire, profile);
  return wire;
}

/** The message in a body. @throws ProtocolError. */
export function readBody(wire: BecknWire, body: Uint8Array, reading: BecknReading = "strict"): BecknMessage {
  const json = parseBecknBody(body);
  const context = wire.decodeContext(json, reading);
  return { context, content: wire.decodeContent(json, context, reading) };
}

/** Writes and validates arbitrary messages; counts them, their actions and the packs seen. */
export function runEmission(profile: BecknProfile, run: Run) {
  const wire = wireOf(profile);
  const checks = bodyChecks(profile);
  const packs = packChecks();
  const actions = new Set<string>();
  const types = new Set<string>();
  let messages = 0;
  fc.assert(
    fc.property(messagesOf(profile), (message) => {
      const { action } = message.context;
      const text = new TextDecoder().decode(wire.encode(message));
      const body: unknown = JSON.parse(text);
      const check = checks.get(action);
      assert.ok(check, action);
      assert.ok(check(body), `${action}: ${JSON.stringify(check.errors)}`);
      assert.deepEqual(packFaults(body, packs), []);
      for (const [, type = ""] of text.matchAll(/"@type":"(\w+)"/g)) if (packs.has(type)) types.add(type);
      actions.add(action);
      messages++;
    }),
    run,
  );
  return { messages, actions: actions.size, packs: types.size };
}

/** Writes and reads arbitrary messages, strictly and tolerantly; counts them. */
export function runRoundTrip(profile: BecknProfile, run: Run): number {
  const wire = wireOf(profile);
  let messages = 0;
  fc.assert(
    fc.property(messagesOf(profile), (message) => {
      const body = wire.encode(message);
      const plain = structuredClone(message);
      assert.deepEqual(readBody(wire, body), plain);
      assert.deepEqual(readBody(wire, body, "tolerant"), plain);
      messages++;
    }),
    run,
  );
  return messages;
}
