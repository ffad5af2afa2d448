/** Transports over libp2p whose inner settings a test may bend. */

import { randomBytes } from "node:crypto";
import { systemClock, systemRandom } from "../src/clock.ts";
import { silentLog } from "../src/log.ts";
import type { Libp2pOptions, Transport, TransportContext } from "../src/network/index.ts";
import { settingsOf } from "../src/network/libp2p/choice.ts";
import { partsOf } from "../src/network/libp2p/create.ts";
import { Libp2pTransport } from "../src/network/libp2p/node.ts";
import type { TransportParts } from "../src/network/libp2p/parts.ts";
import type { TransportSettings } from "../src/network/libp2p/settings.ts";
import { peerIdOfSeed } from "./seeds.ts";

export interface Rigged extends AsyncDisposable {
  readonly transport: Transport;
  readonly parts: TransportParts;
}

export interface RigOptions extends Libp2pOptions {
  readonly network?: string;
  readonly context?: Partial<TransportContext>;
  readonly bend?: (settings: TransportSettings) => TransportSettings;
}

/** A started transport together with its parts. */
export async function rigged({ network, context, bend, ...options }: RigOptions = {}): Promise<Rigged> {
  const settings = settingsOf(options);
  const seed = context?.seed ?? new Uint8Array(randomBytes(32));
  const parts = await partsOf(bend?.(settings) ?? settings, {
    peerId: peerIdOfSeed(seed),
    network: network ?? "test",
    clock: systemClock(),
    random: systemRandom(),
    log: silentLog(),
    ...context,
    seed,
  });
  const transport = new Libp2pTransport(parts);
  await transport.start();
  return { transport, parts, [Symbol.asyncDispose]: () => transport.stop({ deadlineMs: 2_000 }) };
}
