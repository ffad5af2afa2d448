/** Sends as many bytes as it is asked for: over a node's bounded streams, and over the library alone. */

import { startTransport, BULK, bulkLimits, sendFrames } from "./bulk-streams.ts";
import { answerRaw, rawPeer } from "./raw-library.ts";

const transport = await startTransport();
transport.handle(BULK, bulkLimits, (stream) => {
  sendFrames(stream).catch(() => stream.reset("not sent"));
});
const raw = await rawPeer(["/ip4/127.0.0.1/tcp/0"]);
await answerRaw(raw);

process.send?.({
  peerId: transport.peerId,
  addresses: transport.addresses(),
  rawAddress: raw.getMultiaddrs()[0]?.toString() ?? "",
});
process.on("disconnect", () => {
  void Promise.allSettled([transport.stop({ deadlineMs: 500 }), raw.stop()]).finally(() => process.exit());
});
