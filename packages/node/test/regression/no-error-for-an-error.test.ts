import assert from "node:assert/strict";
import { test } from "node:test";
import { createNode } from "../../src/create-node.ts";
import { memory, memoryHub } from "../../src/network/index.ts";
import { heartbeat, NETWORK, rawPeer } from "../node-fixture.ts";

test("an error_response that fails the ladder is not answered: two skewed clocks would never fall silent", async () => {
  const hub = memoryHub({ seed: 7 });
  await using node = await createNode({ network: memory({ hub }), networkName: NETWORK });
  await using peer = await rawPeer(memory({ hub }), 1);
  await peer.transport.dial({ addresses: node.addresses }, { timeoutMs: 1_000 });
  const channel = await peer.control(node.id);
  assert.equal((await channel.hello())?.["type"], "hello_ack");

  const nowS = Math.floor(Date.now() / 1000) - 120;
  const refusal = {
    type: "error_response",
    error_code: "MESSAGE_STALE",
    error_number: -31_000,
    error_message: "too old",
    original_message_id: null,
    retry_possible: false,
    suggested_action: "sync_clock",
  };
  const late = channel.seal(refusal, { nowS });
  await channel.send(late);
  const asked = channel.seal(heartbeat, { nowS });
  await channel.send(asked);
  const answers: unknown[] = [];
  for (;;) {
    const answer = await channel.next();
    if (answer?.["type"] === "error_response") answers.push(answer["original_message_id"]);
    if (answer === undefined || answers.at(-1) === asked.message_id) break;
  }
  assert.deepEqual(answers, [asked.message_id]);
});
