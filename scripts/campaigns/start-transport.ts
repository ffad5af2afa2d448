import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { type NetworkChoice, silentLog, systemClock, systemRandom } from "@gridmesh/node";
import { peerIdFromKey } from "@gridmesh/protocol";

const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

export type Transport = Awaited<ReturnType<NetworkChoice["create"]>>;

/** A started transport with a key of its own and nothing above it. */
export async function startTransport(choice: NetworkChoice, network: string): Promise<Transport> {
  const seed = new Uint8Array(randomBytes(32));
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const transport = await choice.create({
    seed,
    peerId: peerIdFromKey(new Uint8Array(spki.subarray(-32))),
    network,
    clock: systemClock(),
    random: systemRandom(),
    log: silentLog(),
  });
  await transport.start();
  return transport;
}

/** True once the condition holds, false when the time is over. */
export async function until(condition: () => boolean, deadlineMs: number): Promise<boolean> {
  const endMs = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > endMs) return false;
    await systemClock().sleep(20);
  }
  return true;
}
