/**
 * A relay outlives what libp2p's defaults allow: two minutes and 128 KiB.
 * A node that nobody dials is reached over an anchor that serves, and its link carries bytes all the while.
 *
 *   npm run campaign:relay -- [--seconds 150] [--megabytes 4]
 */

import { createHash, randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { libp2p, systemClock } from "@gridmesh/node";
import { startTransport, type Transport, until } from "./start-transport.ts";

const PROTOCOL = "/gridmesh/campaign/1";
const LIMITS = { maxFrameBytes: 1024 * 1024, maxInboundPerPeer: 16, relayed: true };
const FRAME = 64 * 1024;
const wait = { timeoutMs: 10_000 };
const isRelayed = (address: string) => address.includes("/p2p-circuit");

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "150" },
    megabytes: { type: "string", default: "4" },
  },
});
const seconds = Number(values.seconds);
const frames = Math.ceil((Number(values.megabytes) * 1024 * 1024) / FRAME);

/** Sends every frame back. */
function echo(transport: Transport): void {
  transport.handle(PROTOCOL, LIMITS, (stream) => {
    void (async () => {
      for (let frame = await stream.readFrame(); frame !== undefined; frame = await stream.readFrame()) {
        await stream.writeFrame(frame);
      }
      await stream.closeWrite();
    })().catch((error: unknown) => stream.reset(String(error)));
  });
}

async function run(relay: Transport, guest: Transport, dialer: Transport): Promise<boolean> {
  echo(guest);
  dialer.handle(PROTOCOL, LIMITS, () => {});
  await guest.dial({ addresses: relay.addresses() }, wait);
  if (!(await until(() => guest.addresses().some(isRelayed), 60_000)))
    throw new Error("no place at the relay");
  let losses = 0;
  using _ = dialer.on("unlink", ({ peerId }) => {
    if (peerId === guest.peerId) losses += 1;
  });
  const link = await dialer.dial(
    { peerId: guest.peerId, addresses: guest.addresses().filter(isRelayed) },
    wait,
  );
  const startMs = performance.now();
  const stream = await dialer.open(guest.peerId, PROTOCOL, wait);
  const [sent, back] = [createHash("sha256"), createHash("sha256")];
  for (let index = 0; index < frames; index += 1) {
    const frame = new Uint8Array(randomBytes(FRAME));
    sent.update(frame);
    await stream.writeFrame(frame, wait);
    back.update((await stream.readFrame(wait)) ?? "");
    await systemClock().sleep((seconds * 1_000) / frames);
  }
  const lastedS = Math.round((performance.now() - startMs) / 1_000);
  const equal = sent.digest("hex") === back.digest("hex");
  console.log(`relayed: ${link.relayed}, for ${lastedS} s, ${frames * FRAME} bytes each way`);
  console.log(`SHA-256 ${equal ? "equal" : "differs"}, ${losses} losses of the link`);
  return link.relayed && equal && losses === 0 && lastedS > 120;
}

const base = { profile: "testnet" } as const;
const relay = await startTransport(libp2p({ ...base, reach: { relay: "serve" } }), "relay");
const use = { relay: "use" } as const;
const guest = await startTransport(libp2p({ ...base, reach: use, bootstrap: relay.addresses() }), "relay");
const dialer = await startTransport(libp2p({ ...base, reach: use }), "relay");
try {
  process.exitCode = (await run(relay, guest, dialer)) ? 0 : 1;
} finally {
  await Promise.all([relay, guest, dialer].map((transport) => transport.stop({ deadlineMs: 5_000 })));
}
